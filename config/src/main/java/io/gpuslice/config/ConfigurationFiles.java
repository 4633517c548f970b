// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigSyntax;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * {@code gpuslice.conf} and {@code conf.d/*.conf}, laid over each other. A key that nobody knows is an error: a
 * misspelt limit on connections must not pass for a limit.
 */
final class ConfigurationFiles {
    private ConfigurationFiles() {}

    /** @param problems is added to: what is wrong with one file keeps nobody from hearing about the next */
    static Config read(Locations locations, Optional<Path> only, Problems problems) {
        List<Path> files = new ArrayList<>();
        if (only.isPresent()) {
            files.add(only.get());
        } else {
            locations
                    .configurationDirectories()
                    .forEach(directory -> problems.collect(() -> files.addAll(in(directory))));
        }
        Config merged = ConfigFactory.empty();
        for (Path file : files) {
            merged = parse(file, problems).withFallback(merged);
        }
        return merged;
    }

    // Weakest first: gpuslice.conf, then conf.d by name, so that 90-mine.conf overrides 10-theirs.conf.
    private static List<Path> in(Path directory) {
        List<Path> files = new ArrayList<>();
        Path main = directory.resolve("gpuslice.conf");
        if (Files.exists(main)) {
            files.add(main);
        }
        Path parts = directory.resolve("conf.d");
        if (Files.isDirectory(parts)) {
            try (Stream<Path> entries = Files.list(parts)) {
                entries.filter(entry -> entry.toString().endsWith(".conf"))
                        .sorted()
                        .forEach(files::add);
            } catch (IOException | UncheckedIOException e) {
                throw new InvalidValueException("cannot list " + parts + ": " + e.getMessage());
            }
        }
        return files;
    }

    private static Config parse(Path file, Problems problems) {
        if (!Files.isReadable(file)) {
            problems.add("configuration file " + file + " "
                    + (Files.exists(file) ? "may not be read: check its owner and mode" : "does not exist"));
            return ConfigFactory.empty();
        }
        try {
            Config config = ConfigFactory.parseFile(
                            file.toFile(),
                            ConfigParseOptions.defaults()
                                    .setSyntax(ConfigSyntax.CONF)
                                    .setAllowMissing(false))
                    .resolve();
            List<String> known = Catalogue.ALL.stream().map(Setting::key).toList();
            config.entrySet().stream()
                    .filter(entry -> !known.contains(entry.getKey()))
                    .sorted(Comparator.comparingInt(
                            entry -> entry.getValue().origin().lineNumber()))
                    .forEach(entry -> problems.add(entry.getValue().origin().description() + ": there is no setting "
                            + entry.getKey()
                            + Nearest.to(entry.getKey(), known)
                                    .map(near -> "; did you mean " + near + "?")
                                    .orElse("; `gpusliced --help` lists them")));
            return config;
        } catch (ConfigException e) {
            problems.add("configuration file " + file + " is not valid: " + e.getMessage());
            return ConfigFactory.empty();
        }
    }
}
