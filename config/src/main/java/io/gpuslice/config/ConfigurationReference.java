// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import io.gpuslice.config.Setting.Trait;

/** The reference page docs/configuration.md, made of the catalogue so that the two cannot disagree. */
final class ConfigurationReference {
    private ConfigurationReference() {}

    static String markdown() {
        StringBuilder page = new StringBuilder("""
                <!-- Made from the catalogue in module config; its test says how to write it anew. Do not edit. -->
                # Configuration

                ## The daemon

                Strongest first: a flag of `gpusliced`, a variable in its environment (an empty one counts as unset), a file, the
                default. Files are HOCON, weakest first: `/etc/gpuslice/gpuslice.conf`, `/etc/gpuslice/conf.d/*.conf` by name, then
                for anyone but root the same two in `$XDG_CONFIG_HOME/gpuslice` (or `~/.config/gpuslice`); `--config FILE` replaces
                them all. A key that does not exist is an error. Sizes are `8G`, `8GB` or `8GiB` (K, M, G, T; base 1024); durations
                `90s`, `2h`, `1h30m`.

                `gpuslice config show` prints what holds and where each value comes from. `gpusliced --check-config` says everything
                that is wrong, with file and line, and ends with 2, or with 0 if nothing is; it starts no daemon. After a change of a file
                `kill -HUP` (`systemctl reload gpusliced`) puts into force what can be while the daemon runs: its log has a line for each
                setting that changed, applied or in need of a restart. Where the files make no sense, what was in force stays. Programs go
                on while the daemon restarts.

                ```hocon
                # /etc/gpuslice/gpuslice.conf
                ipc.handshake-timeout = 2s
                log { level = debug, format = json }
                devices = "GPU-01234567-89ab-cdef-0123-456789abcdef=24GB"
                ```

                """);
        for (Setting<?> setting : Catalogue.ALL) {
            page.append("""
                    ### `%s`

                    %s

                    | | |
                    |---|---|
                    | value | %s |
                    | default | %s |
                    | variable | `%s` |
                    | flag | `%s` |
                    | file | `%s` |
                    | since | %s |
                    | a new value | %s |

                    """.formatted(
                            setting.key(),
                            setting.meaning(),
                            setting.type(),
                            setting.defaultText().isEmpty() ? "see above" : "`" + setting.defaultText() + "`",
                            setting.variable(),
                            setting.flag(),
                            setting.key(),
                            setting.since(),
                            setting.is(Trait.RELOADED) ? "with SIGHUP" : "needs a restart"));
        }
        return page.append("""
                ## The command line

                `gpuslice` reads these; it hands `GPUSLICE_*` on to a daemon that it starts.

                | variable | meaning |
                |---|---|
                | `GPUSLICE_IPC_SOCK` | the daemon's socket; unset: `/run/gpuslice/gpuslice.sock` if a daemon answers there, else the user's own |
                | `GPUSLICE_IPC_TOKEN` | the operator's token, where the daemon has one |
                | `GPUSLICE_JAVA_HOME` | the Java (25 or newer) to run on, before the one found at build time |
                | `GPUSLICE_JAVA_OPTS` | more options for the daemon's JVM, after its own |
                | `NO_COLOR` | no colour, also on a terminal |

                ## Programs in a session

                Set by `gpuslice run` and `gpuslice exec`, read by `libgpuslice.so`.

                | variable | meaning |
                |---|---|
                | `GPUSLICE_SESSION` | id of the session |
                | `GPUSLICE_IPC_SOCK` | the daemon's socket |
                | `GPUSLICE_IPC_TOKEN` | the session's own token, never the operator's |
                | `LD_PRELOAD` | `libgpuslice.so`, in front of what was there |
                | `GPUSLICE_IPC_WAIT` | how long an allocation waits for an absent daemon before it is denied: milliseconds, or `5s` (the default) |
                | `GPUSLICE_DEBUG` | set and not `0`: the library says on stderr what it does |
                """).toString();
    }
}
