// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** The audit log tells what became of real guests: all of it, in order, with whom and how much. */
class AuditTest {
    @AutoClose
    private final Rig rig = Rig.idle();

    private int ourUid() throws IOException {
        return (Integer) Files.getAttribute(rig.dir, "unix:uid");
    }

    /** A verb to its good end. */
    private Guest verb(Object... arguments) {
        Guest verb = rig.gpuslice(arguments).finish();
        assertThat(verb.exitCode()).as(verb.errors()).isZero();
        return verb;
    }

    @Test
    void theLifeOfASessionIsToldInItsOrder() throws IOException {
        rig.daemon();
        Audit audit = rig.audit();
        Instant began = Instant.now().minusMillis(1);
        Guest creator = verb("create", "-q", "--limit", "64MB");
        String session = creator.output();
        Guest first = rig.in(session, "holder", "--count", 3, "--size", "16M");
        first.await("ready held=3");
        first.say("less 1");
        first.await("held=2");
        Guest second = rig.in(session, "holder", "--count", 2, "--size", "16M");
        second.await("ready held=2 refused=0");
        second.say("more 1");
        second.await("held=2 refused=2");
        first.kill();
        audit.await(Audit.says("reclaim", "ok").and(Audit.about(first.pid())));
        Guest resizer = verb("update", session, "--limit", "128MB");
        Guest renewer = verb("update", session, "--ttl", "1h");
        second.say("less 1");
        second.await("held=1");
        Guest shortener = verb("update", session, "--ttl", "1s");
        audit.await(Audit.says("expire", "ok"));
        second.say("more 1");
        second.await("held=1 refused=2");
        second.finish().exitCode();
        audit.await(Audit.says("reclaim", "ok").and(Audit.about(second.pid())));
        Guest remover = verb("rm", session);
        audit.await(Audit.says("close", "ok"));

        Map<Long, String> names = Map.of(
                creator.pid(), "creator",
                first.pid(), "first",
                second.pid(), "second",
                resizer.pid(), "resizer",
                renewer.pid(), "renewer",
                shortener.pid(), "shortener",
                remover.pid(), "remover");
        assertThat(audit.story(session, names))
                .containsExactly(
                        "creator open 64",
                        "first token",
                        "first join",
                        "first grant 64",
                        "second token",
                        "second join",
                        "first collect 32",
                        "second grant 24",
                        "second grant 8",
                        "second deny 16 denied QUOTA_EXCEEDED",
                        "first reclaim 32",
                        "resizer resize 128",
                        "renewer renew",
                        "shortener renew",
                        "expire",
                        "second collect 16",
                        "second deny 16 denied SESSION_EXPIRED",
                        "second reclaim 16",
                        "remover close");

        String device = rig.card().path("devices").path(0).path("uuid").asText();
        assertThat(audit.of(session)).allSatisfy(line -> {
            assertThat(Instant.parse(line.path("time").asText())).isBetween(began, Instant.now());
            if (line.has("pid")) {
                assertThat(line.path("uid").asInt(-1)).isEqualTo(ourUid());
            }
            if (line.path("operation").asText().matches("grant|deny|collect")) {
                assertThat(line.path("device").asText()).isEqualTo(device);
            }
        });
        assertThat(audit.of(session))
                .filteredOn(Audit.says("deny", "denied"))
                .first()
                .satisfies(line -> assertThat(line.path("detail").asText())
                        .as("the numbers")
                        .containsPattern("64\\.0 MiB|" + 64 * Rig.MIB));
    }

    @Test
    void ofAStrictSessionEveryAllocationAndEveryFreeIsALine() {
        rig.daemon();
        Audit audit = rig.audit();
        String session = rig.create("64MB", "--strict");
        Guest holder = rig.in(session, "holder", "--count", 3, "--size", "5M");
        holder.await("ready held=3");
        holder.say("less 2");
        holder.await("held=1");
        holder.say("more 1");
        holder.await("held=2");
        holder.say("more 30");
        holder.await("held=12 refused=2");

        int asked = 3 + 1 + 10;
        Rig.eventually(() -> lines(audit, session, "deny").size() == 1);
        for (var expected : Map.of("grant", asked, "free", 2, "deny", 1).entrySet()) {
            assertThat(lines(audit, session, expected.getKey()))
                    .as(expected.getKey())
                    .hasSize(expected.getValue())
                    .allSatisfy(line -> {
                        assertThat(line.path("bytes").asLong()).isEqualTo(5 * Rig.MIB);
                        assertThat(line.path("pid").asLong()).isEqualTo(holder.pid());
                    });
        }
    }

    @Test
    void whatAnOrdinarySessionReusesIsNoLine() {
        rig.daemon();
        Audit audit = rig.audit();
        String session = rig.create("64MB");
        Guest holder = rig.in(session, "holder", "--count", 3);
        holder.await("ready held=3");
        holder.say("less 2");
        holder.await("held=1");
        holder.say("more 2");
        holder.await("held=3");
        holder.kill();
        audit.await(Audit.says("reclaim", "ok"));

        assertThat(lines(audit, session, "grant")).as("one, of the whole limit").hasSize(1);
        assertThat(lines(audit, session, "free")).isEmpty();
    }

    private static List<JsonNode> lines(Audit audit, String session, String operation) {
        return audit.of(session).stream()
                .filter(line -> line.path("operation").asText().equals(operation))
                .toList();
    }

    @Test
    void aWrongTokenIsARefusedLogin() throws IOException {
        rig.daemon();
        Audit audit = rig.audit();
        String session = rig.create("64MB");
        Guest intruder = rig.start(
                        List.of(rig.tree.program("fill").toString()), rig.environmentOf(session, "f".repeat(64)))
                .finish();
        assertThat(intruder.output()).contains("held=0 refused=2");

        JsonNode login = audit.await(Audit.says("login", "denied"));
        assertThat(login.path("pid").asLong()).isEqualTo(intruder.pid());
        assertThat(login.path("uid").asInt(-1)).isEqualTo(ourUid());
        assertThat(login.path("error_code").asText()).isEqualTo("UNAUTHENTICATED");
        assertThat(Files.readString(audit.file()))
                .as("a secret that is wrong may be another's right one")
                .doesNotContain("f".repeat(64));
    }

    @Test
    void anotherUidIsARefusedLogin() throws IOException {
        Needs.that(ourUid() == 0, "another uid can be tried by root only: run the tests as root");
        rig.daemon();
        Audit audit = rig.audit();
        String session = rig.create("64MB");
        // The folder's own permissions would refuse already: open them, so that the daemon itself must.
        Files.setPosixFilePermissions(rig.dir, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(rig.socket(), PosixFilePermissions.fromString("rwxrwxrwx"));
        List<String> command = new ArrayList<>(List.of("setpriv", "--reuid", "65534", "--regid", "65534"));
        command.addAll(List.of("--clear-groups", rig.tree.bin("gpuslice").toString(), "exec", session, "--", "true"));
        Guest stranger = rig.start(command, rig.environment()).finish();
        assertThat(stranger.exitCode()).isEqualTo(125);

        JsonNode login = audit.await(Audit.says("login", "denied"));
        assertThat(login.path("uid").asInt()).isEqualTo(65534);
        assertThat(login.path("pid").asLong()).isEqualTo(stranger.pid());
    }

    @Test
    void theFileIsTheOwnersAloneAndIsOpenedAnewOnSighup() throws IOException {
        Guest daemon = rig.daemon();
        Audit audit = rig.audit();
        String before = rig.create("64MB");
        audit.await(Audit.says("open", "ok"));
        assertThat(Files.getPosixFilePermissions(audit.file())).isEqualTo(PosixFilePermissions.fromString("rw-------"));
        Path rotated = audit.file().resolveSibling("rotated.jsonl");
        Files.move(audit.file(), rotated);

        daemon.signal("HUP");
        Rig.eventually(() -> Files.exists(audit.file()));
        String after = rig.create("64MB");
        audit.await(line -> line.path("session_id").asText().equals(after));

        assertThat(new Audit(rotated).of(before)).isNotEmpty();
        assertThat(new Audit(rotated).of(after)).isEmpty();
        assertThat(audit.of(before)).isEmpty();
        assertThat(Files.getPosixFilePermissions(audit.file())).isEqualTo(PosixFilePermissions.fromString("rw-------"));
        assertThat(daemon.alive()).isTrue();
    }

    @Test
    void theDaemonsLogHasTheSameFields() {
        Guest daemon = rig.with("GPUSLICE_LOG_FORMAT", "json")
                .with("GPUSLICE_LOG_LEVEL", "debug")
                .daemon();
        Audit audit = rig.audit();
        Guest holder = rig.in(rig.create("64MB"), "holder", "--count", 65);
        holder.await("ready held=64 refused=2");
        holder.kill();
        audit.await(Audit.says("reclaim", "ok"));

        for (var said : Map.of("deny", "denied", "reclaim", "ok").entrySet()) {
            JsonNode line = audit.await(Audit.says(said.getKey(), said.getValue()));
            JsonNode logged = logged(daemon, Audit.says(said.getKey(), said.getValue()));
            for (String field : List.of("session_id", "pid", "uid", "operation", "bytes", "result")) {
                assertThat(line.has(field)).as(field).isTrue();
                assertThat(logged.path(field)).as(field).isEqualTo(line.path(field));
            }
            assertThat(logged.path("error_code")).isEqualTo(line.path("error_code"));
        }
    }

    private static JsonNode logged(Guest daemon, Predicate<JsonNode> so) {
        Rig.eventually(() -> log(daemon).stream().anyMatch(so));
        return log(daemon).stream().filter(so).findFirst().orElseThrow();
    }

    /** Every line of it is JSON, but for the one that is being written. */
    private static List<JsonNode> log(Guest daemon) {
        String text = daemon.errors();
        return text.substring(0, text.lastIndexOf('\n') + 1)
                .lines()
                .map(Rig::json)
                .toList();
    }

    @Test
    void whoWantsNoAuditFileGetsNone() throws IOException {
        rig.with("GPUSLICE_AUDIT_FILE", "off").daemon();
        rig.create("64MB");

        JsonNode info = Rig.json(rig.run("info", "--format", "json").ok().out());
        assertThat(info.path("daemon").path("audit_file").isNull()).isTrue();
        try (Stream<Path> files = Files.walk(rig.dir)) {
            assertThat(files.map(file -> file.getFileName().toString())).noneMatch(name -> name.contains("audit"));
        }
    }
}
