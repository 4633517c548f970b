// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** The verbs that show what goes on, with a real daemon and real programs. */
class ViewsTest {
    @AutoClose
    private final Rig rig = Rig.running();

    @Test
    void eventsStatsLogsAndWaitFollowASessionFromItsOpeningToItsEnd() {
        Guest events = rig.gpuslice("events", "--recent", "--format", "json");
        Guest holder = rig.gpuslice(
                "run", "--limit", "16MB", "--name", "seen", "--", rig.tree.program("holder"), "--count", 20);
        JsonNode open = next(events, "open");
        String id = open.path("session_id").asText();
        assertThat(next(events, "join").path("pid").asLong()).isEqualTo(holder.pid());
        assertThat(next(events, "deny").path("error_code").asText()).isEqualTo("QUOTA_EXCEEDED");
        holder.await("ready held=16");

        JsonNode stats = Rig.json(
                rig.run("stats", "--no-stream", "--format", "json", "seen").ok().out());
        assertThat(stats.path("used_bytes").asLong()).isEqualTo(16 * Rig.MIB);
        assertThat(stats.path("used_percent").asDouble()).isEqualTo(100);
        assertThat(stats.path("denials").asLong()).isPositive();
        assertThat(rig.run("logs", "seen").ok().out()).contains(" open ", " join ", " deny ");
        assertThat(rig.run("wait", "--timeout", "200ms", "seen").code()).isEqualTo(1);

        // By its id, which is good for one that has ended, too: which of the two verbs comes first is not known.
        Guest waiting = rig.gpuslice("wait", id);
        assertThat(rig.run("rm", "--force", "seen").ok().out().strip()).isEqualTo(id);
        assertThat(waiting.exitCode()).isZero();
        assertThat(waiting.output().strip()).isEqualTo(id);
        assertThat(next(events, "close").path("session_id").asText()).isEqualTo(id);

        assertThat(rig.run("wait", id).ok().out().strip()).isEqualTo(id);
        assertThat(rig.run("logs", "--follow", id).ok().out()).contains(" open ", " deny ", " close ");
        assertThat(rig.run("wait", "0123456789abcdef").code()).isEqualTo(1);
    }

    @Test
    void overHttpTheSameIsSeenAndDone() {
        Web web = rig.web();
        String url = web.url().toString();
        String id = rig.create("16MB");
        rig.with("GPUSLICE_TOKEN", web.token());
        assertThat(rig.run("--host", url, "ps", "-q").ok().out().strip()).isEqualTo(id);
        rig.run("--host", url, "update", id, "--limit", "32MB").ok();
        assertThat(rig.run("--host", url, "stats", "--no-stream").ok().out()).contains("32.0 MiB");
        Guest events = rig.gpuslice("--host", url, "events", "--recent", "--format", "json");
        assertThat(next(events, "resize").path("session_id").asText()).isEqualTo(id);
        Guest waiting = rig.gpuslice("--host", url, "wait", id);
        rig.run("--host", url, "rm", id).ok();
        assertThat(waiting.exitCode()).isZero();
        assertThat(next(events, "close").path("session_id").asText()).isEqualTo(id);
    }

    @Test
    void overHttpAWordMeansTheSessionThatItMeansHere() {
        Web web = rig.web();
        rig.with("GPUSLICE_TOKEN", web.token());
        // All that has a meaning of its own in a URL.
        String name = "a:b/c d%2F?x#y";
        String id = rig.create("16MB", "--name", name);
        assertThat(over(web, "inspect", "-q", name).ok().out().strip()).isEqualTo(id);
        assertThat(over(web, "logs", name).ok().out()).contains(" open ");
        assertThat(over(web, "stats", "--no-stream", name).ok().out()).contains("16.0 MiB");
        assertThat(over(web, "devices").ok().out())
                .isEqualTo(rig.run("devices").ok().out());
        assertThat(over(web, "logs").err()).contains("gpuslice --host URL logs SESSION");

        String other = rig.create("16MB", "--name", name);
        for (Rig.Result refused : List.of(
                over(web, "inspect", name),
                over(web, "logs", name),
                over(web, "events", name),
                over(web, "wait", name),
                over(web, "rm", name),
                rig.run("inspect", name),
                rig.run("exec", name, "--", "true"))) {
            assertThat(refused.code()).isIn(1, 125);
            assertThat(refused.err()).contains("may be 2 sessions", id, other, "write more of the id");
        }
        over(web, "rm", id).ok();
        assertThat(over(web, "inspect", "-q", name).ok().out().strip()).isEqualTo(other);
    }

    @Test
    void topShowsWhatADaemonElsewhereHas() {
        Tmux.need();
        Web web = rig.web();
        rig.with("GPUSLICE_TOKEN", web.token());
        rig.create("16MB", "--name", "far");
        try (Tmux tmux = new Tmux(rig, Map.of())) {
            tmux.type("gpuslice --host " + web.url() + " top").await("> far");
            assertThat(tmux.screen()).contains("1 session, ", "16.0 MiB");
            tmux.press("q").awaitPrompt();
        }
    }

    private Rig.Result over(Web web, String... words) {
        return rig.run(
                Stream.concat(Stream.of("--host", web.url()), Stream.of(words)).toArray());
    }

    /** The next event of that kind. */
    private static JsonNode next(Guest events, String operation) {
        while (true) {
            JsonNode event = Rig.json(events.await("{"));
            if (event.path("operation").asText().equals(operation)) {
                return event;
            }
        }
    }
}
