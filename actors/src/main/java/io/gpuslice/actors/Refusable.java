// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.wire.ErrorCode;

/** A request with somebody waiting for its answer: whatever happens to it, they hear of it. */
interface Refusable {

    /**
     * Answers with a refusal.
     *
     * @param text for people: what happened, the numbers, what next
     */
    void refuse(ErrorCode code, String text);
}
