// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.config.LoadedSettings.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoadedSettingsTest {

    @TempDir
    private Path home;

    private final Map<String, String> environment = new HashMap<>();
    private Path file;

    @BeforeEach
    void anEmptyFile() throws IOException {
        environment.put("HOME", home.toString());
        file = Files.writeString(home.resolve("gpuslice.conf"), "");
    }

    private LoadedSettings load() {
        return LoadedSettings.load(new Locations(environment, 1000), Map.of("log.level", "warn"), Optional.of(file));
    }

    private Value value(String key) {
        return load().values().stream()
                .filter(value -> value.key().equals(key))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void everySettingOfTheCatalogueIsThereOnceAndInItsOrder() {
        assertThat(load().values())
                .extracting(Value::key)
                .containsExactlyElementsOf(
                        Catalogue.ALL.stream().map(Setting::key).toList());
    }

    @Test
    void eachValueSaysWhereItComesFrom() throws IOException {
        Files.writeString(file, "sessions {\n  max = 7\n}\n");
        environment.put("GPUSLICE_SESSIONS_END_GRACE", "3s");
        assertThat(value("sessions.max").text()).isEqualTo("7");
        assertThat(value("sessions.max").origin()).endsWith("gpuslice.conf: 2");
        assertThat(value("sessions.end-grace").origin()).isEqualTo("GPUSLICE_SESSIONS_END_GRACE");
        assertThat(value("log.level").origin()).isEqualTo("--log-level");
        assertThat(value("sessions.kill-grace"))
                .satisfies(value -> assertThat(value.text()).isEqualTo("10s"))
                .matches(Value::isDefault);
    }

    @Test
    void aPlaceThatNobodyNamedIsTheOneThatWillBeUsed() {
        assertThat(value("ipc.sock").text()).isEqualTo("/tmp/gpuslice-1000/gpuslice.sock");
        assertThat(value("state-dir").text()).isEqualTo(home + "/.local/state/gpuslice");
        assertThat(value("audit.file").text()).isEqualTo(home + "/.local/state/gpuslice/audit.jsonl");
        assertThat(value("devices").text()).isEmpty();
    }

    @Test
    void aSecretIsShownToNobody() {
        environment.put("GPUSLICE_IPC_TOKEN", "very-secret");
        environment.put("GPUSLICE_HTTP_TOKEN", "very-secret-as-well");
        assertThat(load().values()).extracting(Value::text).noneMatch(text -> text.contains("secret"));
        assertThat(value("ipc.token").text()).isEqualTo("(set)");
        assertThat(load().toString()).doesNotContain("secret");
    }

    @Test
    void anotherValueIsToldByItsMeaningAndNotByHowItIsWritten() throws IOException {
        Files.writeString(file, "audit.max-size = 64MB, sessions.max = 7, ipc.token = old");
        Value size = value("audit.max-size");
        Value most = value("sessions.max");
        Value token = value("ipc.token");
        Files.writeString(file, "audit.max-size = 65536KiB, sessions.max = 8, ipc.token = new");

        assertThat(size.isSameAs(value("audit.max-size"))).isTrue();
        assertThat(most.isSameAs(value("sessions.max"))).isFalse();
        assertThat(token.isSameAs(value("ipc.token"))).isFalse();
    }
}
