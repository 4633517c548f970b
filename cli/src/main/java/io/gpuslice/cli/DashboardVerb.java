// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/** {@code gpuslice dashboard}: where the daemon shows itself to a browser, and a browser there. */
final class DashboardVerb {
    private static final String OPENER = "xdg-open";

    private final Context context;

    DashboardVerb(Context context) {
        this.context = context;
    }

    /**
     * Prints the URL, and opens it where there is a display.
     *
     * @param print nothing but the URL
     */
    int perform(boolean print) throws Failure {
        try (Connection connection = Daemons.toLookAt(context).require()) {
            Json info = new Calls(connection, context.operatorToken()).get("/info");
            String url = url(info)
                    .orElseThrow(() -> new Failure(
                            "this daemon answers no HTTP, and so has no dashboard",
                            "set http.address to other than off (`gpuslice config show`), and start it anew"));
            context.out().println(url);
            if (!print) {
                context.say("to look, a browser on this machine needs nothing; to change anything it is asked for the"
                        + " token, which is in " + connection.path() + ".http.json");
                show(url);
            }
            return ExitCode.DONE;
        }
    }

    /** Of the daemon's own description; empty where it answers no HTTP. */
    static Optional<String> url(Json info) {
        return Optional.of(info.text("http_url", ""))
                .filter(url -> !url.isEmpty())
                .map(url -> url + "/");
    }

    private void show(String url) throws Failure {
        if (context.variable("DISPLAY").isPresent()
                || context.variable("WAYLAND_DISPLAY").isPresent()) {
            open(url);
            return;
        }
        // The address that whoever is logged in has reached this machine by, third of four.
        String[] way = context.variable("SSH_CONNECTION").orElse("").split(" ");
        if (way.length == 4) {
            int port = URI.create(url).getPort();
            context.say("from where you came by ssh: ssh -L " + port + ":127.0.0.1:" + port + " " + way[2]
                    + ", and the same URL there");
        }
    }

    /** In a session of its own: a browser that starts with it must not end with this terminal's Ctrl-C. */
    private void open(String url) {
        ProcessBuilder builder = new ProcessBuilder("setsid", "--fork", OPENER, url)
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().clear();
        builder.environment().putAll(context.environ().asText());
        try {
            builder.start();
        } catch (IOException e) {
            context.say("no browser could be opened: " + e.getMessage());
        }
    }
}
