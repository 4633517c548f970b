// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.Caller;
import io.gpuslice.http.live.Live;
import io.gpuslice.http.live.Viewer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Predicate;

/** What was held within the last hour. */
final class HistoryHandlers {

    private final Actors actors;
    private final Predicate<Caller> seesAll;
    private final Live live;

    /** @param seesAll from whom nothing is kept */
    HistoryHandlers(Actors actors, Predicate<Caller> seesAll, Live live) {
        this.actors = actors;
        this.seesAll = seesAll;
        this.live = live;
    }

    CompletionStage<Answer> devices(Caller caller, Request request) throws Problem {
        request.takes(List.of(), List.of());
        Viewer viewer = new Viewer(seesAll.test(caller), caller.uid(), Optional.empty());
        return CompletableFuture.completedFuture(Answer.ok(live.history(viewer)));
    }

    CompletionStage<Answer> session(Caller caller, Request request) throws Problem {
        request.takes(List.of(), List.of());
        return actors.session(caller, request.id()).thenApply(session -> Answer.ok(live.history(session.id())));
    }
}
