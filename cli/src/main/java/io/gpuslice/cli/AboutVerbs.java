// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.wire.Abi;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The verbs about gpuslice itself and the machine: version, info and devices. */
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
        this.daemons = Daemons.toLookAt(context);
    }

    int version(OutputOptions output) throws Failure {
        if (output.json()) {
            printBoth();
            return 0;
        }
        context.out().println("gpuslice " + VERSION + ", protocol " + PROTOCOL);
        if (!output.quiet()) {
            Json daemon = daemon();
            context.out()
                    .println(
                            daemon == null
                                    ? "gpusliced is not running"
                                    : "gpusliced " + daemon.text("version", "?") + ", protocol "
                                            + daemon.text("protocol", "?"));
        }
        return 0;
    }

    int info(OutputOptions output) throws Failure {
        if ((output.json() ? printBoth() : tabulateBoth()) != null) {
            return 0;
        }
        Failure none = daemons.none();
        context.say(output.quiet() ? String.valueOf(none.getMessage()) : none.forPeople());
        return 1;
    }

    int devices(OutputOptions output) throws Failure {
        try (Connection connection = daemons.require()) {
            Json answer = new Calls(connection, context.operatorToken()).get("/devices");
            List<Json> devices = answer.objects("devices");
            if (answer.has("problem")) {
                context.say("the GPUs cannot be told: " + answer.text("problem", "")
                        + "\n  name them to the daemon: GPUSLICE_DEVICES=UUID=SIZE,… or the setting `devices`");
            }
            if (output.json()) {
                context.out().println(Json.pretty(devices));
            } else if (output.quiet()) {
                devices.forEach(device -> context.out().println(device.text("uuid", "?")));
            } else {
                context.out().print(DeviceText.table(devices).styled(context.colourOnOut()));
            }
            return 0;
        }
    }

    /** The daemon's part; what is known without it is printed also if it fails. */
    private @Nullable Json printBoth() throws Failure {
        Map<String, @Nullable Object> both = new LinkedHashMap<>();
        both.put("client", client());
        both.put("daemon", null);
        try {
            Json daemon = daemon();
            both.put("daemon", daemon);
            return daemon;
        } finally {
            context.out().println(Json.pretty(new Json(both)));
        }
    }

    /** The same for people. */
    private @Nullable Json tabulateBoth() throws Failure {
        Table table = new Table("", "");
        fill(table, "client", client());
        try {
            Json daemon = daemon();
            if (daemon != null) {
                fill(table, "daemon", daemon);
            }
            return daemon;
        } finally {
            context.out().print(table.body());
        }
    }

    private Json client() throws Failure {
        Map<String, @Nullable Object> client = new LinkedHashMap<>();
        client.put("version", VERSION);
        client.put("protocol", PROTOCOL);
        client.put("home", context.home().toString());
        client.put("library", context.library().toString());
        client.put("java", System.getProperty("java.home"));
        client.put("sockets", String.join(", ", daemons.places()));
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
