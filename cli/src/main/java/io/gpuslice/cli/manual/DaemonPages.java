// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.manual;

import io.gpuslice.config.SettingText;
import java.util.ArrayList;
import java.util.List;

/** gpusliced(8) and gpuslice.conf(5). */
public final class DaemonPages {
    private static final String USAGE = "Usage: ";
    private static final String CONTINUED = " ".repeat(USAGE.length());

    private final String source;

    /**
     * Of one release.
     *
     * @param source name and version
     */
    public DaemonPages(String source) {
        this.source = source;
    }

    /**
     * The daemon's page, made of its help.
     *
     * @param help lines of usage; below them at the margin what it is; then, indented, flags and below each what it means
     */
    public Page daemon(String help) {
        Page page = new Page("gpusliced", 8, source, "the daemon of gpuslice").section("SYNOPSIS");
        List<String> about = new ArrayList<>();
        List<String> flags = new ArrayList<>();
        for (String line : help.lines().toList()) {
            if (line.startsWith(USAGE) || (about.isEmpty() && line.startsWith(CONTINUED))) {
                page.synopsis(line.substring(USAGE.length()));
            } else {
                (line.startsWith("  ") ? flags : about).add(line.strip());
            }
        }
        page.section("DESCRIPTION").paragraph(String.join(" ", about).strip()).section("OPTIONS");
        for (int i = 0; i + 1 < flags.size(); i += 2) {
            page.item(flags.get(i), flags.get(i + 1));
        }
        page.section("SIGNALS")
                .item(
                        "SIGTERM, SIGINT",
                        "Stop. Programs go on with what they have; sessions come back with the next daemon.")
                .item(
                        "SIGHUP",
                        "Read the settings again, and put into force those that can change; see gpuslice.conf(5).");
        page.section("EXIT STATUS")
                .item("0", "Told to stop, and stopped.")
                .item("1", "It could not start, or failed while it ran; the last lines of its log say why.")
                .item("2", "A setting makes no sense; the message names it.");
        return page.seeAlso(List.of("gpuslice(1)", "gpuslice.conf(5)"));
    }

    /** The page of the settings. */
    public Page settings(List<SettingText> settings) {
        Page page = new Page("gpuslice.conf", 5, source, "settings of the daemon of gpuslice")
                .section("DESCRIPTION")
                .paragraph(
                        "Strongest first: a flag of `gpusliced`, a variable in its environment (an empty one counts as unset), a "
                                + "file, the default. Files are HOCON. A key that does not exist is an error. Sizes are 8G, 8GB or 8GiB "
                                + "(K, M, G, T; base 1024); durations 90s, 2h, 1h30m.")
                .example(List.of(
                        "ipc.handshake-timeout = 2s",
                        "log { level = debug, format = json }",
                        "access.users = \"alice, bob\""))
                .paragraph(
                        "`gpuslice config show` prints what holds and where each value comes from; `gpusliced --check-config` "
                                + "says everything that is wrong.")
                .section("SETTINGS");
        for (SettingText setting : settings) {
            page.item("`" + setting.key() + "`", setting.meaning())
                    .more("Value: " + setting.value() + "."
                            + (setting.usual().isEmpty() ? "" : " Default: `" + setting.usual() + "`.")
                            + " Flag: `" + setting.flag() + "`. Variable: `" + setting.variable() + "`. "
                            + (setting.reloaded()
                                    ? "SIGHUP puts a new value into force."
                                    : "A new value needs a restart.")
                            + " Since " + setting.since() + ".");
        }
        return page.section("FILES")
                .item(
                        "/etc/gpuslice/gpuslice.conf, /etc/gpuslice/conf.d/*.conf",
                        "The machine's; the latter by name, and stronger.")
                .item(
                        "~/.config/gpuslice/gpuslice.conf, ~/.config/gpuslice/conf.d/*.conf",
                        "A user's own, stronger than the machine's; root has none. `$XDG_CONFIG_HOME` may name another place.")
                .seeAlso(List.of("gpuslice(1)", "gpusliced(8)"));
    }
}
