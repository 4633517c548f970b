// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** `gpuslice dashboard`, as a shell sees it. */
class DashboardVerbTest extends LauncherFixture {
    private static final String URL = "http://127.0.0.1:8747";

    @BeforeEach
    void answer() {
        daemon.bodies.put("GET /info", "{\"status\":200,\"body\":{\"http_url\":\"" + URL + "\"}}");
    }

    @Test
    void itPrintsTheUrlAndSaysWhereTheTokenIs() throws Exception {
        Installation.Result result = gpuslice.gpuslice("dashboard");
        assertThat(result.text()).isEqualTo(URL + "/\n");
        assertThat(result.err()).contains(daemon.socket + ".http.json").doesNotContain("ssh");
    }

    @Test
    void whereThereIsADisplayItOpensABrowser() throws Exception {
        Path opened = here.resolve("opened");
        Path opener = Files.writeString(
                Files.createDirectory(here.resolve("bin")).resolve("xdg-open"),
                "#!/bin/sh\necho \"$1\" > " + opened + ".new && mv " + opened + ".new " + opened + "\n");
        Files.setPosixFilePermissions(opener, PosixFilePermissions.fromString("rwxr-xr-x"));
        gpuslice.environment.put("PATH", opener.getParent() + ":/usr/bin:/bin");
        gpuslice.environment.put("DISPLAY", ":7");

        assertThat(gpuslice.gpuslice("dashboard", "--print").err()).isEmpty();
        assertThat(gpuslice.gpuslice("dashboard").text()).isEqualTo(URL + "/\n");
        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(opened).hasContent(URL + "/"));
    }

    @Test
    void whoeverCameBySshIsToldHowToForwardIt() throws Exception {
        gpuslice.environment.put("SSH_CONNECTION", "10.0.0.9 50000 10.0.0.5 22");
        assertThat(gpuslice.gpuslice("dashboard").err()).contains("ssh -L 8747:127.0.0.1:8747 10.0.0.5");
    }

    @Test
    void withoutHttpThereIsNone() throws Exception {
        daemon.bodies.put("GET /info", "{\"status\":200,\"body\":{\"http_url\":null}}");
        Installation.Result result = gpuslice.gpuslice("dashboard", "--print");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.text()).isEmpty();
        assertThat(result.err()).contains("no HTTP", "http.address");
    }
}
