// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import io.gpuslice.config.Setting.Trait;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The settings, and where each of them comes from.
 *
 * @param values one for each setting, in the order of the reference page
 */
public record LoadedSettings(Settings settings, List<Value> values) {
    /** One setting, as it is in force. */
    public static final class Value {
        private final Setting<?> setting;
        private final Sources.Given given;
        private final Object parsed;
        /** What holds where nobody has written anything; empty: nothing. */
        private final String unset;

        private Value(Setting<?> setting, Sources sources, String unset) {
            this.setting = setting;
            this.given = sources.given(setting);
            this.parsed = sources.get(setting);
            this.unset = unset;
        }

        /** {@code ipc.handshake-timeout}. */
        public String key() {
            return setting.key();
        }

        /** As it is written, or what holds instead; empty: nothing; a secret is only said to be set. */
        public String text() {
            if (given.text().isEmpty()) {
                return unset;
            }
            return setting.is(Trait.SECRET) ? "(set)" : given.text();
        }

        /** {@code --log-level}, {@code GPUSLICE_LOG_LEVEL}, {@code /etc/gpuslice/gpuslice.conf: 3} or {@code default}. */
        public String origin() {
            return given.origin();
        }

        public boolean isDefault() {
            return given.origin().equals(Sources.DEFAULT);
        }

        /** Whether the other means the same, however it is written. */
        public boolean isSameAs(Value other) {
            return parsed.equals(other.parsed);
        }

        /** Whether SIGHUP puts a new value into force; else the daemon has to be started anew. */
        public boolean isReloaded() {
            return setting.is(Trait.RELOADED);
        }
    }

    public LoadedSettings {
        values = List.copyOf(values);
    }

    /**
     * Reads them.
     *
     * @param flags by key ({@code ipc.sock}), as {@link DaemonArguments} gives them
     * @param file read instead of those in {@link Locations#configurationDirectories()}
     * @throws InvalidValueException as {@link Settings#load} does
     */
    public static LoadedSettings load(Locations locations, Map<String, String> flags, Optional<Path> file) {
        Problems problems = new Problems();
        Sources sources =
                new Sources(flags, locations.environment(), ConfigurationFiles.read(locations, file, problems));
        Catalogue.ALL.forEach(setting -> problems.collect(() -> sources.get(setting)));
        problems.throwIfAny();
        Settings settings = settings(sources, locations);
        return new LoadedSettings(
                settings,
                Catalogue.ALL.stream()
                        .map(setting -> new Value(setting, sources, unset(setting, settings)))
                        .toList());
    }

    /** What holds where nobody says anything, and the catalogue alone cannot tell. */
    private static String unset(Setting<?> setting, Settings settings) {
        if (setting.equals(Catalogue.SOCKET)) {
            return settings.ipc().socket().toString();
        }
        if (setting.equals(Catalogue.STATE_DIRECTORY)) {
            return settings.stateDirectory().toString();
        }
        if (setting.equals(Catalogue.AUDIT_FILE)) {
            return settings.audit().file().map(Path::toString).orElse("off");
        }
        return "";
    }

    private static Settings settings(Sources sources, Locations locations) {
        Path stateDirectory = sources.get(Catalogue.STATE_DIRECTORY).orElseGet(locations::stateDirectory);
        return new Settings(
                new Settings.Ipc(
                        sources.get(Catalogue.SOCKET).orElseGet(locations::socket),
                        sources.get(Catalogue.TOKEN),
                        sources.get(Catalogue.HANDSHAKE_TIMEOUT),
                        sources.get(Catalogue.MAX_CONNECTIONS)),
                new Settings.Access(
                        sources.get(Catalogue.ACCESS_USERS),
                        sources.get(Catalogue.ACCESS_GROUPS),
                        sources.get(Catalogue.ACCESS_ADMINS),
                        sources.get(Catalogue.SESSIONS_PER_USER),
                        sources.get(Catalogue.LIMIT_PER_USER),
                        sources.get(Catalogue.CONNECTIONS_PER_USER)),
                stateDirectory,
                new Settings.Sessions(
                        sources.get(Catalogue.MAX_SESSIONS),
                        sources.get(Catalogue.END_GRACE),
                        sources.get(Catalogue.KILL_GRACE)),
                sources.get(Catalogue.DEVICES),
                sources.get(Catalogue.DEVICE_NODES),
                new Settings.Journal(sources.get(Catalogue.SNAPSHOT_EVERY), sources.get(Catalogue.JOURNAL_ENGINE)),
                new Settings.Http(
                        sources.get(Catalogue.HTTP_ADDRESS),
                        sources.get(Catalogue.HTTP_TOKEN),
                        tls(sources),
                        sources.get(Catalogue.HTTP_REQUESTS_PER_SECOND)),
                new Settings.Metrics(sources.get(Catalogue.METRICS_SESSIONS)),
                new Settings.Audit(
                        sources.get(Catalogue.AUDIT_FILE).map(stateDirectory::resolve),
                        sources.get(Catalogue.AUDIT_MAX_SIZE)),
                new Settings.Log(sources.get(Catalogue.LOG_LEVEL), sources.get(Catalogue.LOG_FORMAT)));
    }

    private static Optional<Settings.Tls> tls(Sources sources) {
        Optional<Path> certificate = sources.get(Catalogue.HTTP_TLS_CERTIFICATE);
        Optional<Path> key = sources.get(Catalogue.HTTP_TLS_KEY);
        Optional<Path> store = sources.get(Catalogue.HTTP_TLS_STORE);
        Optional<Path> password = sources.get(Catalogue.HTTP_TLS_PASSWORD_FILE);
        if (certificate.isPresent() != key.isPresent()
                || (certificate.isPresent() && store.isPresent())
                || (password.isPresent() && store.isEmpty())) {
            throw new InvalidValueException("TLS takes either http.tls-certificate and http.tls-key, or http.tls-store"
                    + " (with http.tls-password-file, if it has a password): set the ones or the others");
        }
        return store.<Settings.Tls>map(file -> new Settings.Tls.Store(file, password))
                .or(() -> certificate.map(file -> new Settings.Tls.Pem(file, key.orElseThrow())));
    }
}
