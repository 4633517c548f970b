// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.assertj.core.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The verbs that show and change sessions, as a shell sees them. */
class VerbsTest extends LauncherFixture {
    private static final String SESSION = SessionTextTest.SESSION.replace("\n", "");

    @BeforeEach
    void scriptDaemon() {
        daemon.bodies.put("GET /sessions", ok("{\"sessions\":[" + SESSION + "]}"));
        for (String selector : List.of(FakeDaemon.ID, "train")) {
            daemon.bodies.put("GET /sessions/" + selector, ok(SESSION));
        }
    }

    private static String ok(String body) {
        return "{\"status\":200,\"body\":" + body + "}";
    }

    @Test
    void psListsSessions() throws Exception {
        Installation.Result result = gpuslice.gpuslice("ps");
        assertThat(result.text().lines())
                .hasSize(2)
                .anyMatch(line -> line.contains("train") && line.contains("8.0 GiB"));
        assertThat(result.err()).isEmpty();
        assertThat(gpuslice.gpuslice("ps", "-q").text()).isEqualTo(FakeDaemon.ID + "\n");
    }

    @Test
    void psInJsonHasBytes() throws Exception {
        String text = gpuslice.gpuslice("ps", "--format", "json").text();
        Json first = Json.parse("{\"all\":" + text + "}").objects("all").getFirst();
        assertThat(first).isEqualTo(Json.parse(SESSION));
        assertThat(first.objects("devices").getFirst().number("used_bytes", -1)).isEqualTo(134217728);
    }

    @Test
    void psListsWhatTakesSeveralAnswers() throws Exception {
        daemon.bodies.put(
                "GET /sessions", ok("{\"sessions\":[{\"id\":\"a\"}],\"silent\":[\"x\"],\"next\":\"then a&b\"}"));
        daemon.bodies.put(
                "GET /sessions?after=then%20a%26b",
                ok("{\"sessions\":[{\"id\":\"b\"}],\"silent\":[\"x\"],\"next\":\"b\"}"));
        daemon.bodies.put("GET /sessions?after=b", ok("{\"sessions\":[{\"id\":\"c\"}],\"silent\":[\"y\"]}"));
        Installation.Result result = gpuslice.gpuslice("ps", "-q");
        assertThat(result.text()).isEqualTo("a\nb\nc\n");
        assertThat(result.err()).contains("no answer in time about x, y");
    }

    @Test
    void psDoesNotFollowAListThatNeverEnds() throws Exception {
        daemon.bodies.put("GET /sessions", ok("{\"sessions\":[],\"next\":\"a\"}"));
        daemon.bodies.put("GET /sessions?after=a", ok("{\"sessions\":[],\"next\":\"a\"}"));
        Installation.Result result = gpuslice.gpuslice("ps");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.err()).contains("does not go on behind a");
    }

    @Test
    void aDaemonOfSomebodyElsesIsNotTakenForNone() throws Exception {
        Assumptions.assumeThat(Files.getAttribute(here, "unix:uid"))
                .as("only root can give a socket away")
                .isEqualTo(0);
        Files.setAttribute(daemon.socket, "unix:uid", 65534);
        Files.setPosixFilePermissions(daemon.socket, PosixFilePermissions.fromString("rwx------"));
        for (String verb : List.of("ps", "run --limit 1GB true")) {
            // Root, but without root's right to everything.
            Installation.Result result = gpuslice.shell("setpriv --inh-caps=-all --bounding-set=-all \"$G\" " + verb);
            assertThat(result.status()).as(verb).isNotZero();
            assertThat(result.err())
                    .contains("you (uid 0) may not connect to " + daemon.socket + ", which belongs to uid 65534")
                    .contains("unset GPUSLICE_IPC_SOCK")
                    .doesNotContain("no daemon is running");
        }
    }

    @Test
    void psWithoutADaemonIsEmptyAndSaysWhy() throws Exception {
        daemon.close();
        Installation.Result result = gpuslice.gpuslice("ps");
        assertThat(result.status()).isZero();
        assertThat(result.text().lines()).hasSize(1);
        assertThat(result.err()).contains("no daemon is running").contains(daemon.socket.toString());
        assertThat(gpuslice.gpuslice("ps", "--format=json", "-q").text()).isEqualTo("[]\n");
    }

    @Test
    void inspectShowsOneSessionAsSectionsOrJson() throws Exception {
        assertThat(gpuslice.gpuslice("inspect", "train").text())
                .contains("session   " + FakeDaemon.ID)
                .contains("python train.py");
        assertThat(Json.parse(gpuslice.gpuslice("inspect", "train", "--format", "json")
                        .text()))
                .isEqualTo(Json.parse(SESSION));
    }

    @Test
    void anUnknownSessionIsExitCode1WithTheDaemonsWords() throws Exception {
        Installation.Result result = gpuslice.gpuslice("inspect", "nobody");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.err()).isEqualTo("gpuslice: there is no GET /sessions/nobody (SESSION_UNKNOWN)\n");
    }

    @Test
    void theOperatorsTokenGoesWithACall() throws Exception {
        gpuslice.environment.put("GPUSLICE_IPC_TOKEN", "secret");
        gpuslice.gpuslice("ps");
        assertThat(daemon.asked(Frame.Call.class))
                .containsExactly(new Frame.Call("{\"method\":\"GET\",\"path\":\"/sessions\",\"token\":\"secret\"}"));
    }

    @Test
    void rmEndsWhatItCanAndSaysWhatItCannot() throws Exception {
        daemon.bodies.put("DELETE /sessions/" + FakeDaemon.ID, ok("{\"id\":\"x\"}"));
        Installation.Result result = gpuslice.gpuslice("rm", "nobody", "train");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.text()).isEqualTo(FakeDaemon.ID + "\n");
        assertThat(result.err()).contains("nobody: there is no GET /sessions/nobody");
    }

    @Test
    void rmOfALiveSessionIsRefusedWithWhoLivesUnlessForced() throws Exception {
        daemon.bodies.put(
                "DELETE /sessions/" + FakeDaemon.ID,
                "{\"status\":409,\"body\":{\"detail\":\"2 processes live: 42, 43; rm --force ends them\",\"error_code\":\"FORBIDDEN\"}}");
        daemon.bodies.put("DELETE /sessions/" + FakeDaemon.ID + "?force=true", ok("{}"));
        Installation.Result refused = gpuslice.gpuslice("rm", "train");
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err()).contains("2 processes live: 42, 43");
        assertThat(gpuslice.gpuslice("rm", "train", "--force").status()).isZero();
    }

    @Test
    void updateAsksForWhatWasTypedAndShowsWhatIsNowSo() throws Exception {
        daemon.bodies.put("PATCH /sessions/train", ok(SESSION));
        Installation.Result result = gpuslice.gpuslice("update", "train", "--limit", "0=8GB,1=50%", "--ttl", "90m");
        assertThat(result.err()).isEmpty();
        assertThat(result.text()).isEqualTo(gpuslice.gpuslice("ps").text());
        assertThat(gpuslice.gpuslice("update", "-q", "--ttl=none", "train").text())
                .isEqualTo(FakeDaemon.ID + "\n");
        assertThat(Json.parse(gpuslice.gpuslice("update", "train", "--limit", "8GB", "--format", "json")
                        .text()))
                .isEqualTo(Json.parse(SESSION));
        assertThat(daemon.asked(Frame.Call.class).stream().map(Frame.Call::json).filter(json -> json.contains("PATCH")))
                .containsExactly(
                        "{\"method\":\"PATCH\",\"path\":\"/sessions/train\",\"body\":{\"limit\":\"0=8GB,1=50%\",\"ttl\":\"90m\"}}",
                        "{\"method\":\"PATCH\",\"path\":\"/sessions/train\",\"body\":{\"ttl\":\"none\"}}",
                        "{\"method\":\"PATCH\",\"path\":\"/sessions/train\",\"body\":{\"limit\":\"8GB\"}}");
    }

    @Test
    void aLimitBelowWhatIsHeldIsSaidWithTheNumbers() throws Exception {
        daemon.bodies.put(
                "PATCH /sessions/train",
                ok("{\"id\":\"ff\",\"warning\":\"the limit is odd\",\"devices\":["
                        + "{\"uuid\":\"GPU-aa\",\"index\":0,\"limit_bytes\":1073741824,\"used_bytes\":4294967296},"
                        + "{\"uuid\":\"GPU-bb\",\"index\":1,\"limit_bytes\":1073741824,\"used_bytes\":1073741824}]}"));
        Installation.Result lower = gpuslice.gpuslice("update", "train", "--limit", "1GB");
        assertThat(lower.status()).isZero();
        assertThat(lower.err())
                .isEqualTo("gpuslice: the limit is odd\n"
                        + "gpuslice: on device 0 the session holds 4.0 GiB, 3.0 GiB more than its limit of 1.0 GiB now: "
                        + "nothing is taken away, and new memory is refused until it fits\n");
        assertThat(gpuslice.gpuslice("update", "train", "--limit", "1GB", "-q").err())
                .isEmpty();
        assertThat(gpuslice.gpuslice("update", "train", "--ttl", "1h").err()).isEqualTo("gpuslice: the limit is odd\n");
    }

    @Test
    void anUpdateThatMakesNoSenseAsksNobody() throws Exception {
        for (String wrong : List.of("", "--limit 0", "--limit 8XB", "--ttl 0s", "--ttl 10ms", "--ttl soon")) {
            Installation.Result refused = gpuslice.shell("exec \"$G\" update train " + wrong);
            assertThat(refused.status()).as(wrong).isEqualTo(2);
            assertThat(refused.err()).as(wrong).contains("write");
        }
        assertThat(gpuslice.gpuslice("update", "--limit", "1GB").err()).contains("missing: SESSION");
        gpuslice.environment.put("GPUSLICE_SESSION", FakeDaemon.ID);
        Installation.Result inside = gpuslice.gpuslice("update", FakeDaemon.ID, "--limit", "80GB");
        assertThat(inside.status()).isEqualTo(2);
        assertThat(inside.err()).contains("a program cannot change its own limit");
        assertThat(daemon.asked).isEmpty();
    }

    @Test
    void devicesAreListedWithWhatTheDaemonKnowsOfThem() throws Exception {
        daemon.bodies.put(
                "GET /devices",
                ok("{\"devices\":[{\"index\":0,\"uuid\":\"GPU-aa\",\"name\":\"RTX\",\"total_bytes\":25769803776},"
                        + "{\"index\":-1,\"uuid\":\"GPU-bb\",\"name\":\"\",\"total_bytes\":null}]}"));
        assertThat(gpuslice.gpuslice("devices").text()).isEqualTo("""
                DEVICE  UUID    NAME    MEMORY
                     0  GPU-aa  RTX   24.0 GiB
                     -  GPU-bb  -            -
                """);
        assertThat(gpuslice.gpuslice("devices", "-q").text()).isEqualTo("GPU-aa\nGPU-bb\n");
        daemon.bodies.put(
                "GET /devices",
                ok("{\"devices\":[{\"index\":0,\"uuid\":\"GPU-aa\",\"name\":\"RTX\",\"total_bytes\":25769803776,"
                        + "\"used_bytes\":1073741824,\"charge_bytes\":2147483648,\"sessions\":3}]}"));
        assertThat(gpuslice.gpuslice("devices").text()).isEqualTo("""
                DEVICE  UUID    NAME    MEMORY     USED   CHARGE  SESSIONS
                     0  GPU-aa  RTX   24.0 GiB  1.0 GiB  2.0 GiB         3
                """);
        String json = gpuslice.gpuslice("devices", "--format", "json").text();
        assertThat(Json.parse("{\"all\":" + json + "}")
                        .objects("all")
                        .getFirst()
                        .number("used_bytes", 0))
                .isEqualTo(1073741824);
    }

    @Test
    void whyNoDeviceIsKnownIsSaid() throws Exception {
        daemon.bodies.put("GET /devices", ok("{\"devices\":[],\"problem\":\"NVML is not there\"}"));
        Installation.Result none = gpuslice.gpuslice("devices", "--format", "json");
        assertThat(none.text()).isEqualTo("[]\n");
        assertThat(none.err()).contains("NVML is not there").contains("GPUSLICE_DEVICES");
        daemon.close();
        assertThat(gpuslice.gpuslice("devices").status()).isEqualTo(1);
    }

    @Test
    void whereCreateGetsNoAnswerTheSessionMayBeThereAllTheSame() throws Exception {
        daemon.answers = (_, _) -> {
            throw new IllegalStateException("the daemon ends here");
        };
        Installation.Result gone = gpuslice.gpuslice("create", "--limit", "1GB");
        assertThat(gone.status()).isEqualTo(1);
        assertThat(gone.err()).contains("may have been opened all the same").contains("gpuslice ps");
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB", "true").err())
                .contains("then try again")
                .doesNotContain("all the same");
    }

    @Test
    void createOpensASessionWithoutALeader() throws Exception {
        Installation.Result result = gpuslice.gpuslice("create", "--limit", "8GB", "--name", "train");
        assertThat(result.text()).isEqualTo(FakeDaemon.ID + "\n");
        assertThat(result.err()).contains("gpuslice exec " + FakeDaemon.ID);
        assertThat(daemon.asked)
                .containsExactly(new Frame.Open("", "8GB", "train", 0, Abi.FLAG_NO_LEADER | Abi.FLAG_KEEP));
        Installation.Result quiet = gpuslice.gpuslice("create", "-q", "--limit", "8GB");
        assertThat(quiet.text()).isEqualTo(FakeDaemon.ID + "\n");
        assertThat(quiet.err()).isEmpty();
        assertThat(Json.parse(gpuslice.gpuslice("create", "-q", "--limit", "8GB", "--format", "json")
                        .text()))
                .isEqualTo(Json.parse(SESSION));
    }

    @Test
    void insideASessionOnlyThatOneIsSeen() throws Exception {
        gpuslice.environment.put("GPUSLICE_SESSION", "ff00");
        gpuslice.environment.put("GPUSLICE_IPC_TOKEN", "the session's own");
        assertThat(gpuslice.gpuslice("ps", "-q").text()).isEmpty();
        assertThat(gpuslice.gpuslice("inspect", "train").err()).contains("no other can be seen");
        assertThat(gpuslice.gpuslice("rm", "train").status()).isEqualTo(1);
        assertThat(gpuslice.gpuslice("create", "--limit", "8GB").status()).isEqualTo(2);
        assertThat(gpuslice.gpuslice("exec", "train", "--", "true").status()).isEqualTo(125);
        assertThat(daemon.asked(Frame.Call.class))
                .isNotEmpty()
                .noneMatch(call -> call.json().contains("token") || call.json().contains("DELETE"));
    }

    @Test
    void versionShowsBothSides() throws Exception {
        daemon.bodies.put("GET /info", ok("{\"version\":\"9.8\",\"protocol\":\"1.7\"}"));
        daemon.bodies.put("GET /devices", ok("{\"devices\":[]}"));
        assertThat(gpuslice.gpuslice("version").text())
                .contains("protocol " + Abi.ABI_MAJOR + "." + Abi.ABI_MINOR)
                .contains("gpusliced 9.8, protocol 1.7");
        Json json = Json.parse(gpuslice.gpuslice("version", "--format", "json").text());
        assertThat(json.object("daemon").text("version", "")).isEqualTo("9.8");
        daemon.close();
        assertThat(gpuslice.gpuslice("version").text()).contains("gpusliced is not running");
    }

    @Test
    void infoShowsClientDaemonAndDevices() throws Exception {
        daemon.bodies.put(
                "GET /info",
                ok("{\"version\":\"9.8\",\"pid\":42,\"state_directory\":\"/s\",\"http_url\":\"http://127.0.0.1:8747\","
                        + "\"audit_file\":null,\"operator_token\":false}"));
        daemon.bodies.put(
                "GET /devices",
                ok("{\"devices\":[{\"index\":0,\"uuid\":\"GPU-aa\",\"name\":\"A\",\"total_bytes\":1073741824}]}"));
        assertThat(gpuslice.gpuslice("info").text())
                .containsPattern("client home +" + gpuslice.home)
                .containsPattern("daemon pid +42\n")
                .containsPattern("daemon state directory +/s\n")
                .containsPattern("daemon http url +http://127.0.0.1:8747\n")
                .containsPattern("daemon audit file +-\n")
                .containsPattern("daemon operator token +no\n")
                .doesNotContain("daemon devices")
                .endsWith("""

                        DEVICE  UUID    NAME   MEMORY
                             0  GPU-aa  A     1.0 GiB
                        """);
        daemon.close();
        Installation.Result without = gpuslice.gpuslice("info");
        assertThat(without.status()).isEqualTo(1);
        assertThat(without.text()).contains("client home");
        assertThat(without.err()).contains("no daemon is running");
    }

    @Test
    void typingErrorsAreExitCode2AndSayWhatWasMeant() throws Exception {
        Installation.Result verb = gpuslice.gpuslice("isnpect", "x");
        assertThat(verb.status()).isEqualTo(2);
        assertThat(verb.err())
                .isEqualTo("gpuslice: there is no verb \"isnpect\"\n  did you mean inspect? see `gpuslice --help`\n");
        assertThat(gpuslice.gpuslice("ps", "--fromat", "json").err()).contains("did you mean --format?");
        assertThat(gpuslice.gpuslice("ps", "x").err()).contains("\"x\" is one argument too many");
        assertThat(gpuslice.gpuslice("ps", "--format", "yaml").err()).contains("[table, json]");
        assertThat(gpuslice.gpuslice("rm").err()).contains("missing: SESSION");
        assertThat(gpuslice.gpuslice().status()).isEqualTo(2);
        assertThat(gpuslice.gpuslice().err()).contains("no verb given; there are run, exec, create, ps");
    }

    @Test
    void helpIsAlsoAVerbAndKnowsNoOther() throws Exception {
        assertThat(gpuslice.gpuslice("help").text())
                .isEqualTo(gpuslice.gpuslice("--help").text())
                .contains("Verbs:");
        assertThat(gpuslice.gpuslice("help", "run").text())
                .contains("Usage: gpuslice run --limit SIZE [OPTION…] [--] CMD [ARG…]");
        for (String[] unknown : List.of(new String[] {"isnpect", "--help"}, new String[] {"help", "isnpect"})) {
            Installation.Result result = gpuslice.gpuslice(unknown);
            assertThat(result.status()).isEqualTo(2);
            assertThat(result.text()).isEmpty();
            assertThat(result.err()).contains("there is no verb \"isnpect\"").contains("did you mean inspect?");
        }
    }

    @Test
    void anEmptyNameOfASessionIsSaidToBeEmpty() throws Exception {
        for (String[] verb : List.of(new String[] {"rm", "train", ""}, new String[] {"inspect", ""})) {
            Installation.Result result = gpuslice.gpuslice(verb);
            assertThat(result.status()).isEqualTo(2);
            assertThat(result.err()).contains("the name of a session is empty");
        }
        assertThat(gpuslice.gpuslice("exec", "", "--", "true").status()).isEqualTo(125);
        assertThat(daemon.asked).isEmpty();
    }

    @Test
    void whatCannotBeWrittenIsAFailureUnlessTheReaderHasEnough() throws Exception {
        for (String verb :
                List.of("create -q --limit 1GB", "ps", "ps --format json", "--help", "help ps", "version -q")) {
            Installation.Result full = gpuslice.shell("exec \"$G\" " + verb + " > /dev/full");
            assertThat(full.status()).as(verb).isEqualTo(1);
            assertThat(full.err()).contains("cannot write to standard output: No space left on device");
        }
        Installation.Result closed = gpuslice.shell("exec \"$G\" ps >&-");
        assertThat(closed.status()).isEqualTo(1);
        assertThat(closed.err()).contains("cannot write to standard output: Bad file descriptor");
        Installation.Result enough = gpuslice.shell("mkfifo '" + here + "/pipe'; : < '" + here + "/pipe' & exec 3> '"
                + here + "/pipe'; wait; \"$G\" ps >&3; echo $?");
        assertThat(enough.text()).isEqualTo("141\n");
        assertThat(enough.err()).isEmpty();
    }

    @Test
    void aSilentDaemonHidesNothingThatIsKnownWithoutIt() throws Exception {
        daemon.answers = (_, _) -> new byte[0];
        for (String[] verb :
                List.of(new String[] {"version"}, new String[] {"info"}, new String[] {"info", "--format", "json"})) {
            Installation.Result result = gpuslice.gpuslice(verb);
            assertThat(result.status()).isEqualTo(1);
            assertThat(result.text()).contains("protocol").contains(Abi.ABI_MAJOR + "." + Abi.ABI_MINOR);
            assertThat(result.err())
                    .contains("(pid " + ProcessHandle.current().pid() + ")")
                    .contains("did not answer CALL within 3.0 s");
        }
    }

    @Test
    void commandsAreCutOnATerminalAloneAndThereNotIfToldSo() throws Exception {
        String longer = SESSION.replace("python train.py", "python train.py " + "x".repeat(300));
        daemon.bodies.put("GET /sessions", ok("{\"sessions\":[" + longer + "]}"));
        assertThat(gpuslice.gpuslice("ps").text()).contains("x".repeat(300));
        String terminal = """
                import fcntl, os, pty, struct, sys, termios
                pid, fd = pty.fork()
                if pid == 0:
                    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
                    os.execv(sys.argv[1], sys.argv[1:])
                try:
                    while True:
                        os.write(1, os.read(fd, 4096))
                except OSError:
                    pass
                """;
        Path script = Files.writeString(here.resolve("terminal.py"), terminal);
        gpuslice.environment.put("NO_COLOR", "1");
        assertThat(gpuslice.shell("python3 '" + script + "' \"$G\" ps").text().lines())
                .hasSize(2)
                .allMatch(line -> line.length() <= 100)
                .last()
                .asString()
                .hasSize(100)
                .endsWith("x…");
        assertThat(gpuslice.shell("python3 '" + script + "' \"$G\" ps --no-trunc")
                        .text())
                .contains("x".repeat(300));
    }

    @Test
    void helpGoesToStdout() throws Exception {
        Installation.Result all = gpuslice.gpuslice("--help");
        assertThat(all.status()).isZero();
        for (Verb verb : Verb.values()) {
            assertThat(all.text()).contains("  " + verb.typedName() + " ");
            Installation.Result one = gpuslice.gpuslice(verb.typedName(), "--help");
            assertThat(one.status()).isZero();
            assertThat(one.text()).contains("Usage: gpuslice " + verb.typedName());
            assertThat(one.err()).isEmpty();
        }
    }
}
