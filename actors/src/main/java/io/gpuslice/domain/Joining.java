// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import io.gpuslice.wire.ErrorCode;

/** The answer to a process that wants to become a member. */
public sealed interface Joining {
    /** It is one as soon as the change is carried out. */
    record Welcomed(Change change) implements Joining {}

    /**
     * It is not.
     *
     * @param text for people: what happened and what to do
     */
    record Refused(ErrorCode code, String text) implements Joining {}
}
