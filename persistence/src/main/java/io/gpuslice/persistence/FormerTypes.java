// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** What was stored under names that nothing is written under any more, and how it becomes what its successor reads. */
final class FormerTypes {

    private record Successor(String name, Consumer<JsonNode> upgrade) {}

    /** The longest that any TTL can be: what is stored without its length says no less. */
    private static final long TEN_YEARS_IN_MILLIS = Duration.ofDays(3650).toMillis();

    private static final Map<String, Successor> FORMER = Map.of(
            // Before a dead process could leave memory behind.
            "session.books.1",
            new Successor("session.books.3", books -> {
                ((ObjectNode) books.get("ledger")).putArray("remains");
                ((ObjectNode) books).putObject("stakes");
            }),
            // Before it was followed who shares memory.
            "session.books.2",
            new Successor("session.books.3", books -> {
                books.get("ledger").get("remains").forEach(left -> ((ObjectNode) left).put("reason", "LINGERING"));
                ((ObjectNode) books).putObject("stakes");
            }),
            // Before TTLs ran on the machine's own clock.
            "sessions.opened.1",
            new Successor("sessions.opened.2", FormerTypes::byTheWallClock),
            "sessions.renewed.1",
            new Successor("sessions.renewed.2", FormerTypes::byTheWallClock),
            "sessions.register.1",
            new Successor(
                    "sessions.register.2", register -> register.get("sessions").forEach(FormerTypes::byTheWallClock)));

    private FormerTypes() {}

    private static void byTheWallClock(JsonNode session) {
        JsonNode wall = session.get("deadline");
        if (wall != null && !wall.isNull()) {
            ((ObjectNode) session)
                    .putObject("deadline")
                    .put("ttlMillis", TEN_YEARS_IN_MILLIS)
                    .put("wall", wall.asText())
                    .put("bootId", "")
                    .put("nanos", 0);
        }
    }

    /** The name of today for what was stored under this one. */
    static String successor(String name) {
        Successor successor = FORMER.get(name);
        return successor == null ? name : successor.name();
    }

    /** Makes of a value what its successor would have written. One that has no successor stays as it is. */
    static void upgrade(String name, JsonNode value) {
        Successor successor = FORMER.get(name);
        if (successor != null) {
            successor.upgrade().accept(value);
        }
    }

    static Set<String> names() {
        return FORMER.keySet();
    }
}
