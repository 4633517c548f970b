// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.LoadedSettings;
import io.gpuslice.config.LoadedSettings.Value;
import io.gpuslice.config.Locations;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** {@code config show}: the daemon's settings, and where each of them comes from. */
final class ConfigVerb {
    /** The only thing there is to do. */
    static final String SHOW = "show";

    private final Context context;

    ConfigVerb(Context context) {
        this.context = context;
    }

    /** @param file read instead of the usual ones, as {@code gpusliced --config} does */
    int show(String what, Optional<String> file, OutputOptions output) throws Failure {
        if (!what.equals(SHOW)) {
            throw new Failure(
                    Failure.Kind.USAGE, "there is no \"" + what + "\" of settings", "gpuslice config " + SHOW);
        }
        List<Value> values = read(file.map(Path::of));
        if (output.json()) {
            context.out()
                    .println(Json.pretty(values.stream().map(ConfigVerb::json).toList()));
        } else {
            Table table = new Table("SETTING", "VALUE", "FROM");
            values.forEach(
                    value -> table.row(value.key(), value.text().isEmpty() ? "-" : value.text(), value.origin()));
            context.out().print(table.styled(context.colourOnOut()));
        }
        if (!output.quiet()) {
            context.warnOfUnread();
            context.say(
                    "this is what a daemon started from here would use; one that runs has what it was started with, and"
                            + " what SIGHUP has changed since");
        }
        return ExitCode.DONE;
    }

    private List<Value> read(Optional<Path> file) throws Failure {
        Map<String, String> environment = new HashMap<>(context.environment());
        if (context.session().isPresent()) {
            // The session's own, which no daemon is given.
            environment.remove("GPUSLICE_IPC_TOKEN");
        }
        try {
            return LoadedSettings.load(
                            new Locations(environment, context.locations().uid()), Map.of(), file)
                    .values();
        } catch (InvalidValueException e) {
            throw new Failure(
                    "a daemon could not start with these settings:\n  " + String.join("\n  ", e.problems()),
                    "mend each of them; `gpusliced --check-config` looks again");
        }
    }

    private static Json json(Value value) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("key", value.key());
        json.put("value", value.text().isEmpty() ? null : value.text());
        json.put("from", value.origin());
        json.put("is_default", value.isDefault());
        json.put("changed_by_sighup", value.isReloaded());
        return new Json(json);
    }
}
