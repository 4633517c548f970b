// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** The daemon's HTTP with real guests: the same answers as on its socket, and nothing for those who may not ask. */
class HttpTest {
    @AutoClose
    private final Rig rig = Rig.idle();

    /** A request as bytes, by whatever user; the answer's head and body. */
    private String raw(List<String> as, Web web, String host) {
        String script =
                "exec 3<> /dev/tcp/%s/%d; printf 'GET /sessions HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3"
                        .formatted(web.url().getHost(), web.url().getPort(), host);
        List<String> command = new ArrayList<>(as);
        command.addAll(List.of("/bin/bash", "-c", script));
        return rig.start(command, rig.environment()).finish().output();
    }

    @Test
    void aSessionLivesByHttpAsByTheCommandLine() {
        rig.daemon();
        Web web = rig.web();
        JsonNode opened = web.call("POST", "/sessions", "{\"limit\": \"64MB\", \"name\": \"web\"}")
                .with(201)
                .json();
        String id = opened.path("id").asText();
        Guest filled = rig.start(
                List.of(rig.tree.program("fill").toString(), "--hold"),
                rig.environmentOf(id, opened.path("token").asText()));
        assertThat(filled.await("held")).startsWith("held=64 refused=2");

        JsonNode seen = web.get("/sessions/" + id).with(200).json();
        for (String selector : List.of(id, "web")) {
            String inspected =
                    rig.run("inspect", selector, "--format", "json").ok().out();
            assertThat(Rig.json(inspected)).as(selector).isEqualTo(seen);
        }
        assertThat(seen.path("refusals").path(0).path("pid").asLong()).isEqualTo(filled.pid());
        assertThat(seen.path("refusals").path(0).path("error_code").asText()).isEqualTo("QUOTA_EXCEEDED");
        assertThat(seen.path("refusals").path(0).path("asked_bytes").asLong()).isEqualTo(Rig.MIB);
        assertThat(seen.path("processes")
                        .path(0)
                        .path("devices")
                        .path(0)
                        .path("used_bytes")
                        .asLong())
                .isEqualTo(64 * Rig.MIB);
        assertThat(web.get("/sessions").with(200).json().path("sessions")).containsExactly(seen);
        JsonNode allocations =
                web.get("/sessions/" + id + "/allocations").with(200).json().path("allocations");
        assertThat(allocations).hasSize(64).allSatisfy(block -> {
            assertThat(block.path("pid").asLong()).isEqualTo(filled.pid());
            assertThat(block.path("bytes").asLong()).isEqualTo(Rig.MIB);
        });

        JsonNode busy = web.call("DELETE", "/sessions/" + id, "").with(409).json();
        assertThat(busy.path("detail").asText()).contains(Long.toString(filled.pid()));
        web.call("PATCH", "/sessions/" + id, "{\"limit\": " + 128 * Rig.MIB + "}")
                .with(200);
        assertThat(rig.inspect(id).path("devices").path(0).path("limit_bytes").asLong())
                .isEqualTo(128 * Rig.MIB);
        web.call("DELETE", "/sessions/" + id + "?force=true", "").with(200);
        assertThat(filled.exitCode()).isEqualTo(143);
        Web.Answer gone = web.get("/sessions/" + id);
        assertThat(gone.status()).isIn(404, 410);
        assertThat(gone.type()).startsWith("application/problem+json");
        assertThat(gone.json().path("error_code").asText()).isIn("SESSION_UNKNOWN", "SESSION_CLOSED");
    }

    @Test
    void aLimitThatMakesNoSenseIsAProblemWithTheAcceptedForms() {
        rig.daemon();

        Web.Answer answer = rig.web()
                .call("POST", "/sessions", "{\"limit\": \"8 bananas\"}")
                .with(400);

        assertThat(answer.type()).startsWith("application/problem+json");
        assertThat(answer.json().path("error_code").asText()).isEqualTo("BAD_REQUEST");
        assertThat(answer.json().path("detail").asText()).contains("8 bananas").contains("8GB");
    }

    @Test
    void onlyTheTokenChangesAnything() {
        rig.daemon();
        Web web = rig.web();
        String id = rig.create("64MB");
        String body = "{\"limit\": \"128MB\"}";
        List<Map<String, String>> wrong = List.of(
                Map.of(),
                Map.of("Authorization", "Bearer " + "f".repeat(web.token().length())),
                Map.of("Authorization", "Basic " + web.token()));

        for (Map<String, String> headers : wrong) {
            for (String[] change : new String[][] {
                {"POST", "/sessions", body}, {"PATCH", "/sessions/" + id, body}, {"DELETE", "/sessions/" + id, ""}
            }) {
                Web.Answer refused =
                        web.send(change[0], change[1], change[2], headers).with(401);
                assertThat(refused.json().path("error_code").asText()).isEqualTo("UNAUTHENTICATED");
                assertThat(refused.body()).doesNotContain(web.token());
            }
        }
        assertThat(rig.run("ps", "-q").ok().out().strip()).isEqualTo(id);
        assertThat(rig.inspect(id).path("limit").asText()).isEqualTo("64MB");
        JsonNode refusal = rig.audit().await(Audit.says("login", "denied"));
        assertThat(refusal.path("error_code").asText()).isEqualTo("UNAUTHENTICATED");
    }

    @Test
    void theOwnerReadsWithoutATokenAndAnotherUidReadsNothing() throws IOException {
        rig.daemon();
        Web web = rig.web();
        String id = rig.create("64MB");
        String host = web.url().getAuthority();
        assertThat(Files.getPosixFilePermissions(rig.dir.resolve("s.http.json")))
                .as("the token's file")
                .isEqualTo(PosixFilePermissions.fromString("rw-------"));
        assertThat(raw(List.of(), web, host)).startsWith("HTTP/1.1 200").contains(id);

        Needs.that(
                Files.getAttribute(rig.dir, "unix:uid").equals(0),
                "another uid can be tried by root only: run the tests as root");
        List<String> nobody = List.of("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups");
        assertThat(raw(nobody, web, host)).startsWith("HTTP/1.1 401").doesNotContain(id);
    }

    @Test
    void aPageOfAForeignNameThatLeadsHereReadsNothing() {
        rig.daemon();
        Web web = rig.web();
        String id = rig.create("64MB");

        assertThat(raw(List.of(), web, "rebound.example"))
                .matches("(?s)HTTP/1.1 4(03|21).*")
                .doesNotContain(id);
    }

    @Test
    void theDaemonSaysThatItLivesAndThatItIsReady() {
        Guest daemon = rig.daemon();
        rig.web().get("/health/live").with(200);
        rig.web().get("/health/ready").with(200);

        daemon.kill().exitCode();
        rig.daemon();

        rig.web().get("/health/ready").with(200);
    }
}
