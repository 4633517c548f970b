// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** `gpuslice config show`, as a shell sees it. */
class ConfigVerbTest extends LauncherFixture {

    private Path file(String content) throws IOException {
        return Files.writeString(here.resolve("gpuslice.conf"), content);
    }

    private Installation.Result show(String... more) throws Exception {
        String[] words = new String[more.length + 2];
        words[0] = "config";
        words[1] = "show";
        System.arraycopy(more, 0, words, 2, more.length);
        return gpuslice.gpuslice(words);
    }

    @Test
    void everySettingIsShownWithWhereItComesFrom() throws Exception {
        Path file = file("sessions.max = 64\n");
        gpuslice.environment.put("GPUSLICE_LOG_LEVEL", "debug");
        gpuslice.environment.put("GPUSLICE_HTTP_TOKEN", "a-very-secret-token");
        Installation.Result result = show("--config", file.toString());
        assertThat(result.err()).contains("one that runs has what it was started with");
        assertThat(result.status()).isZero();
        assertThat(result.text().lines())
                .anyMatch(line -> line.matches("SETTING +VALUE +FROM"))
                .anyMatch(line -> line.matches("sessions\\.max +64 +" + file + ": 1"))
                .anyMatch(line -> line.matches("log\\.level +debug +GPUSLICE_LOG_LEVEL"))
                .anyMatch(line -> line.matches("http\\.token +\\(set\\) +GPUSLICE_HTTP_TOKEN"))
                .anyMatch(line -> line.matches("devices +- +default"))
                .anyMatch(line -> line.matches("ipc\\.sock +" + daemon.socket + " +GPUSLICE_IPC_SOCK"));
    }

    @Test
    void forProgramsItIsAnArrayAsItsPageSays() throws Exception {
        Path file = file("sessions.max = 64\n");
        Installation.Result result = show("--config", file.toString(), "--format", "json", "-q");
        assertThat(result.err()).isEmpty();
        Json setting = Json.parse("{\"all\":" + result.text() + "}").objects("all").stream()
                .filter(each -> each.text("key", "").equals("sessions.max"))
                .findFirst()
                .orElseThrow();
        assertThat(setting)
                .isEqualTo(Json.parse("{\"key\":\"sessions.max\",\"value\":\"64\",\"from\":\"" + file
                        + ": 1\",\"is_default\":false,\"changed_by_sighup\":true}"));
    }

    @Test
    void aVariableThatIsMisspeltIsNamedWithTheOneThatWasMeant() throws Exception {
        Path file = file("");
        gpuslice.environment.put("GPUSLICE_SESSION_MAX", "64");
        assertThat(show("--config", file.toString()).err())
                .contains("GPUSLICE_SESSION_MAX is set, and nothing reads it; did you mean GPUSLICE_SESSIONS_MAX?");
    }

    @Test
    void settingsThatMakeNoSenseAreAllNamed() throws Exception {
        Path file = file("sessions.maxx = 64\nlog.level = loud\n");
        Installation.Result result = show("--config", file.toString());
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.text()).isEmpty();
        assertThat(result.err())
                .contains(file + ": 1: there is no setting sessions.maxx; did you mean sessions.max?")
                .contains(file + ": 2: log.level: \"loud\" is none of")
                .contains("gpusliced --check-config");
    }

    @Test
    void aSessionsOwnTokenIsNotTakenForTheOperators() throws Exception {
        gpuslice.environment.put("GPUSLICE_SESSION", FakeDaemon.ID);
        gpuslice.environment.put("GPUSLICE_IPC_TOKEN", "the-sessions");
        assertThat(show("-q").text().lines()).anyMatch(line -> line.matches("ipc\\.token +- +default"));
    }

    @Test
    void thereIsNothingElseToDo() throws Exception {
        Installation.Result result = gpuslice.gpuslice("config", "edit");
        assertThat(result.status()).isEqualTo(2);
        assertThat(result.err()).contains("gpuslice config show");
    }
}
