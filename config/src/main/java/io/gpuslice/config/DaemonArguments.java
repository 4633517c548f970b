// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The command line of {@code gpusliced}: every setting is a flag, {@code --ipc-sock PATH} or {@code --ipc-sock=PATH}.
 *
 * @param settings by key, for {@link Settings#load}
 * @param file of {@code --config}
 * @param check was asked for: say what is wrong with the settings and end
 * @param help was asked for: print {@link #usage()} and end
 * @param version was asked for: print it and end
 */
public record DaemonArguments(
        Map<String, String> settings, Optional<Path> file, boolean check, boolean help, boolean version) {
    /**
     * Reads them.
     *
     * @throws InvalidValueException if a flag is unknown, lacks its value, or there is more than flags */
    public static DaemonArguments parse(String... arguments) {
        Map<String, String> settings = new HashMap<>();
        Optional<Path> file = Optional.empty();
        boolean check = false;
        boolean help = false;
        boolean version = false;
        Iterator<String> rest = List.of(arguments).iterator();
        while (rest.hasNext()) {
            String argument = rest.next();
            int equals = argument.indexOf('=');
            String flag = equals < 0 ? argument : argument.substring(0, equals);
            switch (flag) {
                case "--help", "-h" -> help = true;
                case "--version" -> version = true;
                case "--check-config" -> check = true;
                case "--config" -> file = Optional.of(Path.of(value(flag, argument, equals, rest)));
                default -> settings.put(known(flag).key(), value(flag, argument, equals, rest));
            }
        }
        return new DaemonArguments(Map.copyOf(settings), file, check, help, version);
    }

    /** What {@code --help} prints. */
    public static String usage() {
        StringBuilder usage = new StringBuilder("""
                Usage: gpusliced [--config FILE] [FLAG VALUE]...
                       gpusliced journal verify|export|repair [FLAG VALUE]...
                The daemon of gpuslice: keeps the sessions and decides every allocation. `journal` looks at the state of one
                that is stopped; `gpusliced journal --help` says more.

                  --config FILE
                      Read this file instead of /etc/gpuslice and ~/.config/gpuslice.
                  --check-config
                      Start nothing: say all that is wrong with the settings and end with 2, or with 0 if nothing is.
                """);
        for (Setting<?> setting : Catalogue.ALL) {
            usage.append("  %s (%s; %s)%n      %s%n"
                    .formatted(
                            setting.flag(),
                            setting.type().replace("`", ""),
                            setting.variable(),
                            setting.meaning().replace("`", "")
                                    + (setting.defaultText().isEmpty()
                                            ? ""
                                            : " Default: " + setting.defaultText() + ".")));
        }
        return usage.append("""
                --version
                    Print the version and end.
                --help
                    Print this and end.
                """.indent(2)).toString();
    }

    private static Setting<?> known(String flag) {
        return Catalogue.ALL.stream()
                .filter(setting -> setting.flag().equals(flag))
                .findFirst()
                .orElseThrow(() ->
                        new InvalidValueException((flag.startsWith("-") ? "there is no flag " : "unexpected argument ")
                                + flag
                                + Nearest.to(
                                                flag,
                                                Catalogue.ALL.stream()
                                                        .map(Setting::flag)
                                                        .toList())
                                        .map(near -> "; did you mean " + near + "?")
                                        .orElse("; `gpusliced --help` lists the flags")));
    }

    private static String value(String flag, String argument, int equals, Iterator<String> rest) {
        if (equals >= 0) {
            return argument.substring(equals + 1);
        }
        if (!rest.hasNext()) {
            throw new InvalidValueException(flag + " needs a value; `gpusliced --help` says which");
        }
        return rest.next();
    }
}
