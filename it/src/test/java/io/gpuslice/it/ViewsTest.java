// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
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
