// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.util.List;
import java.util.concurrent.CompletionStage;

/** Port: whether the daemon can do its work now. */
@FunctionalInterface
public interface Readiness {

    /** Why it cannot, one sentence each; none: it can. Must not block. */
    CompletionStage<List<String>> problems();
}
