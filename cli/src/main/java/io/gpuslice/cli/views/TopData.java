// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Calls;
import io.gpuslice.cli.Context;
import io.gpuslice.cli.Daemons;
import io.gpuslice.cli.Failure;
import io.gpuslice.cli.Json;
import io.gpuslice.cli.views.TopModel.Effect;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/** Looks at the daemon for {@code top}, and does what was typed there. */
final class TopData implements AutoCloseable {
    /** Ending processes takes the 10 s that they have for it, and some. */
    private static final Duration END_PATIENCE = Duration.ofSeconds(40);

    private final Context context;
    private final Selected sessions;
    private final Queue<String> news = new ConcurrentLinkedQueue<>();
    /** Null: it is away. */
    private @Nullable Calls calls;

    TopData(Context context, Calls calls, Selected sessions) {
        this.context = context;
        this.calls = calls;
        this.sessions = sessions;
    }

    /** Brings the model up to date. Where the daemon is away it stays as it is and says so; the next look tries again. */
    void look(TopModel model) {
        try {
            Calls asked = calls == null ? Daemons.toLookAt(context).calls() : calls;
            calls = asked;
            List<Json> devices = asked.get("/devices").objects("devices");
            model.look(devices, sessions.now(asked), Instant.now(), System.nanoTime());
        } catch (Failure away) {
            close();
            model.say(away.getMessage() + "; trying again");
        }
        Optional.ofNullable(news.poll()).ifPresent(model::say);
    }

    /** Begins it; what comes of it is said at a later look. */
    void begin(Effect effect) {
        Thread.ofPlatform().daemon().name("top-action").start(() -> news.add(done(effect)));
    }

    private String done(Effect effect) {
        if (context.session().isPresent()) {
            return "this is inside session " + context.session().get() + ": do it from outside";
        }
        try (Calls own = new Daemons(context).patient(END_PATIENCE).calls()) {
            return switch (effect) {
                case Effect.Resize(var id, var limit) -> {
                    Map<String, @Nullable Object> body = new LinkedHashMap<>();
                    body.put("limit", limit);
                    Json session = own.patch(Calls.session(id), new Json(body));
                    yield session.text(
                            "warning", "the limit of " + id + " is " + session.text("limit", limit) + " now");
                }
                case Effect.End(var id) -> {
                    own.delete(Calls.session(id) + "?force=true");
                    yield id + " has ended";
                }
                case Effect.Quit() -> "";
            };
        } catch (Failure failure) {
            return String.valueOf(failure.getMessage());
        }
    }

    @Override
    public void close() {
        if (calls != null) {
            calls.close();
            calls = null;
        }
    }
}
