// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.wire.Frame;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code gpuslice cdi generate}, as a shell sees it. */
class CdiVerbTest extends LauncherFixture {
    private static final String OTHER = "fedcba9876543210";
    private static final String EXPIRED = "00000000000000ff";

    @BeforeEach
    void scriptDaemon() {
        sessions("train", "eval");
        daemon.bodies.put("GET /sessions/train", "{\"status\":200,\"body\":{\"id\":\"" + FakeDaemon.ID + "\"}}");
    }

    private void sessions(String first, String second) {
        daemon.bodies.put(
                "GET /sessions",
                "{\"status\":200,\"body\":{\"sessions\":["
                        + session(FakeDaemon.ID, first, "ACTIVE") + "," + session(OTHER, second, "ACTIVE") + ","
                        + session(EXPIRED, "over", "EXPIRED") + "]}}");
    }

    private static String session(String id, String name, String state) {
        return "{\"id\":\"%s\",\"name\":\"%s\",\"state\":\"%s\"}".formatted(id, name, state);
    }

    private Path file() {
        return here.resolve("cdi/gpuslice.io-slice.json");
    }

    private Installation.Result generate(String... more) throws Exception {
        List<String> words = new ArrayList<>(
                List.of("cdi", "generate", "--output", here.resolve("cdi").toString()));
        words.addAll(List.of(more));
        return gpuslice.gpuslice(words.toArray(String[]::new));
    }

    @Test
    void eachActiveSessionBecomesADeviceWithATokenOfItsOwn() throws Exception {
        Installation.Result made = generate();

        assertThat(made.text()).isEqualTo("gpuslice.io/slice=train\ngpuslice.io/slice=eval\n");
        assertThat(made.err())
                .contains(file() + ", which has the sessions' tokens in it and is readable by you alone")
                .contains("podman run --device gpuslice.io/slice=train");
        assertThat(daemon.asked(Frame.Join.class).stream().map(Frame.Join::session))
                .containsExactly(FakeDaemon.ID, OTHER);
        Json spec = Json.parse(Files.readString(file()));
        assertThat(spec.objects("devices").getLast().object("containerEdits").texts("env"))
                .containsExactly("GPUSLICE_SESSION=" + OTHER, "GPUSLICE_IPC_TOKEN=" + FakeDaemon.TOKEN);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
                .isEqualTo("rw-------");
    }

    @Test
    void onlyThoseThatAreNamedAreJoined() throws Exception {
        assertThat(generate("-q", "train").text()).isEqualTo("gpuslice.io/slice=train\n");
        assertThat(daemon.asked(Frame.Join.class)).hasSize(1);

        Installation.Result unknown = generate("nobody");
        assertThat(unknown.status()).isEqualTo(1);
        assertThat(unknown.err()).contains("SESSION_UNKNOWN");
    }

    @Test
    void aNameThatIsNoneForADeviceOrMeansTwoSessionsGivesWayToTheId() throws Exception {
        sessions("team a", "");
        assertThat(generate("-q").text())
                .isEqualTo("gpuslice.io/slice=" + FakeDaemon.ID + "\ngpuslice.io/slice=" + OTHER + "\n");
        sessions("twice", "twice");
        assertThat(generate("-q").text())
                .isEqualTo("gpuslice.io/slice=" + FakeDaemon.ID + "\ngpuslice.io/slice=" + OTHER + "\n");
        sessions(OTHER, "mine");
        assertThat(generate("-q").text())
                .as("one called as the other's id is")
                .isEqualTo("gpuslice.io/slice=" + FakeDaemon.ID + "\ngpuslice.io/slice=mine\n");
    }

    @Test
    void inJsonTheFileAndTheDevicesAreNamed() throws Exception {
        Json said = Json.parse(generate("--format", "json").text());

        assertThat(said.text("file", "")).isEqualTo(file().toString());
        assertThat(said.texts("devices")).containsExactly("gpuslice.io/slice=train", "gpuslice.io/slice=eval");
    }

    @Test
    void withoutASessionNothingIsWritten() throws Exception {
        daemon.bodies.put("GET /sessions", "{\"status\":200,\"body\":{\"sessions\":[]}}");

        Installation.Result none = generate();

        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).contains("no session to make a device of").contains("gpuslice create");
        assertThat(file()).doesNotExist();
    }

    @Test
    void withoutADaemonNoneIsStarted() throws Exception {
        daemon.close();

        Installation.Result none = generate();

        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).contains("no daemon is running");
    }

    @Test
    void aSocketInADirectoryOfEverybodysIsShownToNoContainer() throws Exception {
        Files.setPosixFilePermissions(here, PosixFilePermissions.fromString("rwxrwxrwx"));

        Installation.Result refused = generate();

        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err())
                .contains(here + ", which others may write to")
                .contains("GPUSLICE_IPC_SOCK=" + here.resolve("gpuslice/gpuslice.sock"));
        assertThat(daemon.asked(Frame.Join.class)).isEmpty();
    }

    @Test
    void anotherWordThanGenerateIsAUsageError() throws Exception {
        Installation.Result refused = gpuslice.gpuslice("cdi", "list");

        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).contains("\"list\"").contains("gpuslice cdi generate");
    }

    @Test
    void insideASessionNoDeviceIsMade() throws Exception {
        gpuslice.environment.put("GPUSLICE_SESSION", FakeDaemon.ID);

        assertThat(generate().err()).contains("this is inside session " + FakeDaemon.ID);
        assertThat(daemon.asked).isEmpty();
    }

    @Test
    void aDirectoryThatCannotBeMadeIsNamed() throws Exception {
        Files.writeString(here.resolve("cdi"), "a file");

        Installation.Result refused = generate();

        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err())
                .contains("cannot write the spec into " + here.resolve("cdi"))
                .contains("--output");
    }
}
