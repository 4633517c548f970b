// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.wire.Abi;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code gpuslice doctor} as a shell sees it, in an installation that has a wrong library and no probe. */
class DoctorVerbTest extends LauncherFixture {
    @BeforeEach
    void answer() {
        daemon.bodies.put(
                "GET /info",
                "{\"status\":200,\"body\":{\"version\":\"0.0.1\",\"pid\":42,\"protocol\":\"" + Abi.ABI_MAJOR
                        + ".0\"}}");
    }

    @Test
    void whatFailsIsSaidWithItsFixAndMakesExitCode1() throws Exception {
        Installation.Result result = gpuslice.gpuslice("doctor");
        assertThat(result.status()).as(result.err()).isEqualTo(1);
        assertThat(result.text())
                .containsPattern("fail  library +.*/lib/gpuslice-probe is missing.*\n +→ install gpuslice anew")
                .containsPattern("ok    socket +a daemon answers at " + daemon.socket)
                .containsPattern("warn  daemon +gpusliced 0.0.1 \\(pid 42\\)");
        assertThat(result.err()).isEmpty();
    }

    @Test
    void inJsonEveryCheckIsAnObject() throws Exception {
        String text = gpuslice.gpuslice("doctor", "--format", "json").text();
        List<Json> checks = Json.parse("{\"all\":" + text + "}").objects("all");
        assertThat(checks).hasSizeGreaterThan(10).allSatisfy(check -> {
            assertThat(check.text("verdict", "")).isIn("ok", "warn", "fail", "skip");
            assertThat(check.text("text", "")).isNotBlank();
            assertThat(check.has("fix")).isIn(false, check.text("verdict", "").matches("warn|fail"));
        });
        assertThat(checks)
                .filteredOn(check -> check.text("check", "").equals("library"))
                .singleElement()
                .satisfies(check -> assertThat(check.text("verdict", "")).isEqualTo("fail"));
    }

    @Test
    void quietlyOnlyWhatIsWrongIsSaid() throws Exception {
        Installation.Result result = gpuslice.gpuslice("doctor", "-q");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.text()).contains("fail  library").doesNotContain("ok    ", "skip  ");
    }

    @Test
    void aDaemonThatRefusesIsShownInItsOwnWords() throws Exception {
        daemon.bodies.put(
                "GET /info",
                "{\"status\":401,\"body\":{\"detail\":\"the operator's token is wrong\",\"error_code\":\"UNAUTHENTICATED\"}}");
        assertThat(gpuslice.gpuslice("doctor").text())
                .containsPattern("fail  daemon +the operator's token is wrong \\(UNAUTHENTICATED\\)");
    }
}
