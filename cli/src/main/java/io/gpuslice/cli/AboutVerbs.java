// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.wire.Abi;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The verbs about gpuslice itself: version and info. */
final class AboutVerbs {
    /** Of this build; its jar knows. */
    static final String VERSION = Optional.ofNullable(
                    AboutVerbs.class.getPackage().getImplementationVersion())
            .orElse("development");

    private static final String PROTOCOL = Abi.ABI_MAJOR + "." + Abi.ABI_MINOR;

    private final Context context;
    private final Daemons daemons;

    AboutVerbs(Context context) {
        this.context = context;
        this.daemons = new Daemons(context);
    }

    int version(OutputOptions output) throws Failure {
        Map<String, @Nullable Object> versions = new LinkedHashMap<>();
        versions.put("client", client());
        versions.put("daemon", daemon());
        if (output.json()) {
            context.out().println(Json.pretty(new Json(versions)));
            return 0;
        }
        context.out().println("gpuslice " + VERSION + ", protocol " + PROTOCOL);
        if (!output.quiet()) {
            Object daemon = versions.get("daemon");
            context.out()
                    .println(
                            daemon instanceof Json json
                                    ? "gpusliced " + json.text("version", "?") + ", protocol "
                                            + json.text("protocol", "?")
                                    : "gpusliced is not running");
        }
        return 0;
    }

    int info(OutputOptions output) throws Failure {
        Json daemon = daemon();
        if (output.json()) {
            Map<String, @Nullable Object> all = new LinkedHashMap<>();
            all.put("client", client());
            all.put("daemon", daemon);
            context.out().println(Json.pretty(new Json(all)));
        } else {
            Table table = new Table("", "");
            fill(table, "client", client());
            if (daemon != null) {
                fill(table, "daemon", daemon);
            }
            context.out().print(table.body());
        }
        if (daemon == null) {
            context.say("no daemon is running (looked at " + daemons.nowhere() + ")\n"
                    + "  `gpuslice run --limit 8GB -- CMD` starts one, and so does `gpusliced`");
            return 1;
        }
        return 0;
    }

    private Json client() throws Failure {
        Map<String, @Nullable Object> client = new LinkedHashMap<>();
        client.put("version", VERSION);
        client.put("protocol", PROTOCOL);
        client.put("home", context.home().toString());
        client.put("library", context.library().toString());
        client.put("java", System.getProperty("java.home"));
        client.put("sockets", daemons.nowhere());
        context.session().ifPresent(session -> client.put("session", session));
        return new Json(client);
    }

    private @Nullable Json daemon() throws Failure {
        Optional<Connection> found = daemons.find();
        if (found.isEmpty()) {
            return null;
        }
        try (Connection connection = found.get()) {
            Json info = new Calls(connection, context.operatorToken()).get("/info");
            Map<String, @Nullable Object> all = new LinkedHashMap<>(info.members());
            all.put(
                    "devices",
                    new Calls(connection, context.operatorToken())
                            .get("/devices")
                            .members()
                            .get("devices"));
            all.put("socket", connection.path().toString());
            return new Json(all);
        }
    }

    private static void fill(Table table, String prefix, Json json) {
        json.members().forEach((name, value) -> {
            switch (value) {
                case Json inner -> fill(table, prefix + " " + name, inner);
                case List<?> items -> {
                    for (int i = 0; i < items.size(); i++) {
                        if (items.get(i) instanceof Json inner) {
                            fill(table, prefix + " " + name + " " + i, inner);
                        } else {
                            table.row(prefix + " " + name + " " + i, String.valueOf(items.get(i)));
                        }
                    }
                }
                case null -> table.row(prefix + " " + name, "-");
                default -> table.row(prefix + " " + name, value.toString());
            }
        });
    }
}
