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
        try (Calls calls = daemons.calls()) {
            Json answer = calls.get("/devices");
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

    /** The same for people: a line a fact, and a table of the GPUs. */
    private @Nullable Json tabulateBoth() throws Failure {
        Table facts = new Table("", "");
        Table devices = DeviceText.table(List.of());
        fill(facts, "client", client());
        try {
            Json daemon = daemon();
            if (daemon != null) {
                fill(facts, "daemon", daemon);
                devices = DeviceText.table(daemon.objects("devices"));
            }
            return daemon;
        } finally {
            context.out().print(facts.body());
            if (!devices.isEmpty()) {
                context.out().println();
                context.out().print(devices.styled(context.colourOnOut()));
            }
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
            all.put("dashboard", DashboardVerb.url(info).orElse(null));
            return new Json(all);
        }
    }

    private static void fill(Table facts, String whose, Json json) {
        json.members().forEach((name, value) -> {
            String label = whose + " " + name.replace('_', ' ');
            switch (value) {
                case List<?> _ -> {
                    // A table of its own.
                }
                case null -> facts.row(label, "-");
                case Boolean yes -> facts.row(label, yes ? "yes" : "no");
                default -> facts.row(label, value.toString());
            }
        });
    }
}
