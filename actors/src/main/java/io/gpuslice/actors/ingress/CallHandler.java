// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.actors.Caller;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** Port: who answers CALL and WATCH frames. The same handlers answer every other surface that speaks JSON. */
@FunctionalInterface
public interface CallHandler {
    /**
     * Answers one request. Must not block; is called on the event loop.
     *
     * @param caller as the kernel says it; {@code operator} is not yet decided, since the token is in the JSON
     * @param json UTF-8 text of at most a frame, and from the client: anything may be in it
     * @return the reply's JSON, errors included; completed exceptionally only by a defect
     */
    CompletionStage<String> answer(Caller caller, String json);

    /**
     * Answers a WATCH. Otherwise as {@link #answer}.
     *
     * @return what is streamed begins when the caller says so
     */
    default CompletionStage<Watching> watch(Caller caller, String json) {
        return answer(caller, json).thenApply(reply -> new Watching(reply, Optional.empty()));
    }
}
