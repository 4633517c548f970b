// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {
    private static final String UUID = "GPU-01234567-89ab-cdef-0123-456789abcdef";

    @TempDir
    Path home;

    private final Map<String, String> environment = new HashMap<>();

    private Settings load(String... arguments) {
        environment.put("HOME", home.toString());
        DaemonArguments parsed = DaemonArguments.parse(arguments);
        return Settings.load(new Locations(environment, 1000), parsed.settings(), parsed.file());
    }

    private Path file(String name, String content) throws IOException {
        Path file = home.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, content);
    }

    @Test
    void withoutAWordFromAnybodyTheDefaultsHold() {
        Settings settings = load();
        assertThat(settings.ipc().socket()).isEqualTo(Path.of("/tmp/gpuslice-1000/gpuslice.sock"));
        assertThat(settings.ipc().token()).isEmpty();
        assertThat(settings.ipc().handshakeTimeout()).isEqualTo(Duration.ofSeconds(5));
        assertThat(settings.stateDirectory()).isEqualTo(home.resolve(".local/state/gpuslice"));
        assertThat(settings.devices()).isEmpty();
        assertThat(settings.journal().engine()).isEqualTo(Settings.JournalEngine.AUTO);
        assertThat(settings.http().address()).isEqualTo(new Settings.HttpAddress.Usual());
        assertThat(settings.http().token()).isEmpty();
        assertThat(settings.metrics().sessions()).isTrue();
        assertThat(settings.audit())
                .isEqualTo(
                        new Settings.Audit(Optional.of(home.resolve(".local/state/gpuslice/audit.jsonl")), 64L << 20));
        assertThat(settings.log().format()).isEqualTo(Settings.LogFormat.AUTO);
    }

    @Test
    void aFlagBeatsTheEnvironmentWhichBeatsAFileWhichBeatsTheDefault() throws IOException {
        assertThat(load().sessions().max()).isEqualTo(4096);
        file(".config/gpuslice/gpuslice.conf", "sessions.max = 1");
        assertThat(load().sessions().max()).isEqualTo(1);
        file(".config/gpuslice/conf.d/10-a.conf", "sessions { max = 2 }");
        file(".config/gpuslice/conf.d/20-b.conf", "sessions.max = 3");
        file(".config/gpuslice/conf.d/30-c.conf.bak", "sessions.max = 99");
        assertThat(load().sessions().max()).isEqualTo(3);
        environment.put("GPUSLICE_SESSIONS_MAX", "4");
        assertThat(load().sessions().max()).isEqualTo(4);
        assertThat(load("--sessions-max=5").sessions().max()).isEqualTo(5);
        assertThat(load("--sessions-max", "6").sessions().max()).isEqualTo(6);
    }

    @Test
    void whatIsTrueOrFalseIsNothingElse() {
        assertThat(load("--metrics-sessions=false").metrics().sessions()).isFalse();
        assertThat(load("--metrics-sessions=true").metrics().sessions()).isTrue();
        assertThatThrownBy(() -> load("--metrics-sessions=no"))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("metrics.sessions: \"no\" is neither true nor false");
    }

    @Test
    void anEmptyVariableCountsAsUnset() {
        environment.put("GPUSLICE_IPC_TOKEN", "");
        environment.put("GPUSLICE_SESSIONS_MAX", "");
        assertThat(load().ipc().token()).isEmpty();
        assertThat(load().sessions().max()).isEqualTo(4096);
    }

    @Test
    void aNamedFileReplacesAllOthers() throws IOException {
        file(".config/gpuslice/gpuslice.conf", "sessions.max = 1, log.level = debug");
        Path other = file("other.conf", "log.format = json");
        Settings settings = load("--config", other.toString());
        assertThat(settings.sessions().max()).isEqualTo(4096);
        assertThat(settings.log()).isEqualTo(new Settings.Log(Settings.LogLevel.INFO, Settings.LogFormat.JSON));
    }

    @Test
    void anUnknownKeyIsAnErrorThatNamesTheNearestAndTheLine() throws IOException {
        Path file = file("x.conf", "log.level = info\nsessions.maxx = 1\n");
        assertThatThrownBy(() -> load("--config=" + file))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("x.conf: 2")
                .hasMessageContaining("no setting sessions.maxx; did you mean sessions.max?");
    }

    @Test
    void anUnknownFlagIsAnErrorThatNamesTheNearest() {
        assertThatThrownBy(() -> load("--ipc-sokc=/x"))
                .hasMessage("there is no flag --ipc-sokc; did you mean --ipc-sock?");
        assertThatThrownBy(() -> load("--utterly-different-thing")).hasMessageContaining("gpusliced --help");
        assertThatThrownBy(() -> load("start")).hasMessageContaining("unexpected argument start");
        assertThatThrownBy(() -> load("--ipc-sock")).hasMessageContaining("--ipc-sock needs a value");
    }

    @Test
    void aBadValueNamesItsSourceItsSettingAndWhatIsAccepted() throws IOException {
        environment.put("GPUSLICE_IPC_HANDSHAKE_TIMEOUT", "soon");
        assertThatThrownBy(this::load)
                .hasMessageStartingWith("GPUSLICE_IPC_HANDSHAKE_TIMEOUT: ipc.handshake-timeout: duration \"soon\"")
                .hasMessageContaining(Durations.ACCEPTED);
        environment.clear();
        assertThatThrownBy(() -> load("--log-level", "loud")).hasMessageContaining("debug, info, warn, error");
        assertThatThrownBy(() -> load("--sessions-max", "0")).hasMessageContaining("from 1 to");
        Path list = file("list.conf", "sessions.max = [1]");
        assertThatThrownBy(() -> load("--config=" + list)).hasMessageContaining("list.conf: 1: sessions.max: a list");
    }

    @Test
    void everyProblemIsSaidAtOnceEachOnALineOfItsOwn() throws IOException {
        file(".config/gpuslice/gpuslice.conf", "sessions.maxx = 1\nsesions.max = 2\nsessions.kill-grace = 5 parsecs\n");
        file(".config/gpuslice/conf.d/10-broken.conf", "log {");
        environment.put("GPUSLICE_AUDIT_MAX_SIZE", "64");
        InvalidValueException all = catchThrowableOfType(InvalidValueException.class, () -> load("--log-level=loud"));
        assertThat(all.problems())
                .satisfiesExactly(
                        line -> assertThat(line).contains("gpuslice.conf: 1: there is no setting sessions.maxx; did"),
                        line -> assertThat(line).contains("gpuslice.conf: 2: there is no setting sesions.max; did you"),
                        line -> assertThat(line).contains("10-broken.conf is not valid"),
                        line -> assertThat(line)
                                .contains("gpuslice.conf: 3: sessions.kill-grace: duration \"5 parsecs\"")
                                .contains(Durations.ACCEPTED),
                        line -> assertThat(line).startsWith("GPUSLICE_AUDIT_MAX_SIZE: audit.max-size: "),
                        line -> assertThat(line).startsWith("--log-level: log.level: \"loud\""));
    }

    @Test
    void aFileThatIsMissingOrNoHoconIsRefused() throws IOException {
        assertThatThrownBy(() -> load("--config", "/no/such.conf"))
                .hasMessageContaining("/no/such.conf does not exist");
        Path broken = file("broken.conf", "log {");
        assertThatThrownBy(() -> load("--config=" + broken)).hasMessageContaining("broken.conf is not valid");
    }

    @Test
    void devicesAreNumberedAsTheyAreWritten() {
        environment.put("GPUSLICE_DEVICES", UUID + "=24GB," + UUID.replace('0', 'f') + "=1T");
        assertThat(load().devices()).extracting(LimitSpec.Device::index).containsExactly(0, 1);
        assertThat(load().devices().getFirst().capacity()).hasValue(24L << 30);
        environment.put("GPUSLICE_DEVICES", UUID + "=24GB," + UUID + "=24GB");
        assertThatThrownBy(this::load).hasMessageContaining("named twice");
        environment.put("GPUSLICE_DEVICES", "GPU-12=24GB");
        assertThatThrownBy(this::load).hasMessageContaining("is not a device");
    }

    @Test
    void whoHoldsADevicesMemoryIsToldByTheFilesItHasOpen() {
        assertThat(load().deviceNodes()).isEqualTo("/dev/nvidia[0-9]*");
        environment.put("GPUSLICE_DEVICE_NODES", "/tmp/card-*");
        assertThat(load().deviceNodes()).isEqualTo("/tmp/card-*");
        environment.put("GPUSLICE_DEVICE_NODES", "/dev/nvidia[0-9");
        assertThatThrownBy(this::load)
                .hasMessageStartingWith("GPUSLICE_DEVICE_NODES: device-nodes: \"/dev/nvidia[0-9\" is not a glob (");
    }

    @Test
    void theTokensAreNeverPrinted() {
        environment.put("GPUSLICE_IPC_TOKEN", "very-secret");
        environment.put("GPUSLICE_HTTP_TOKEN", "very-secret-as-well");
        assertThat(load().ipc().token()).contains("very-secret");
        assertThat(load().http().token()).contains("very-secret-as-well");
        assertThat(load().toString()).contains("token=set").doesNotContain("very-secret");
    }

    @Test
    void aTokenThatIsEasilyGuessedOrFitsInNoHeaderIsRefusedAndNotRepeated() {
        for (String token :
                new String[] {"fifteen-letters", "a blank is in this one", "x".repeat(257), "sechzehn-Zeichenä"}) {
            environment.put("GPUSLICE_HTTP_TOKEN", token);
            assertThatThrownBy(this::load)
                    .hasMessageStartingWith("GPUSLICE_HTTP_TOKEN: http.token: ")
                    .hasMessageContaining("of " + token.length() + " characters")
                    .hasMessageNotContaining(token);
        }
    }

    @Test
    void httpIsAnsweredWhereItIsSaid() {
        assertThat(load("--http-address=off").http().address()).isEqualTo(new Settings.HttpAddress.Off());
        assertThat(load("--http-address=0.0.0.0:80").http().address())
                .isEqualTo(new Settings.HttpAddress.Fixed(new InetSocketAddress("0.0.0.0", 80)));
        assertThat(load("--http-address=[::1]:0").http().address())
                .isEqualTo(new Settings.HttpAddress.Fixed(new InetSocketAddress(InetAddress.ofLiteral("::1"), 0)));
    }

    @Test
    void anAddressThatIsNoneIsRefusedWithTheAcceptedForms() {
        for (String text :
                new String[] {"8747", "localhost:8747", "::1:8747", "127.0.0.1", "1.2.3.256:1", "[1::2::3]:1", ":1"}) {
            assertThatThrownBy(() -> load("--http-address=" + text))
                    .hasMessageContaining("--http-address: http.address: \"" + text + "\" is no address")
                    .hasMessageContaining(HttpAddresses.ACCEPTED);
        }
        assertThatThrownBy(() -> load("--http-address=127.0.0.1:65536")).hasMessageContaining("65536 is above 65535");
    }

    @Test
    void theAuditLogIsWhereItIsSaidOrNowhere() {
        environment.put("GPUSLICE_STATE_DIR", "/s");
        assertThat(load().audit().file()).contains(Path.of("/s/audit.jsonl"));
        assertThat(load("--audit-file=/var/log/x.jsonl").audit().file()).contains(Path.of("/var/log/x.jsonl"));
        assertThat(load("--audit-file=x.jsonl").audit().file())
                .contains(Path.of("x.jsonl").toAbsolutePath());
        assertThat(load("--audit-file=off").audit().file()).isEmpty();
        assertThat(load("--audit-max-size=0").audit().maxSize()).isZero();
        assertThat(load("--audit-max-size=1GB").audit().maxSize()).isEqualTo(1L << 30);
        assertThatThrownBy(() -> load("--audit-max-size=none")).hasMessageContaining("is not a size");
    }

    @Test
    void whoIsServedIsAListOfNamesOrNumbers() {
        assertThat(load().access().users()).isEmpty();
        assertThat(load("--access-users=ann, 1001").access().users()).containsExactly("ann", "1001");
        assertThat(load("--access-limit-per-user=8GB").access().limitPerUser()).contains(8L << 30);
        assertThat(load("--access-sessions-per-user=3").access().sessionsPerUser())
                .contains(3);
        assertThatThrownBy(() -> load("--access-groups=a,,b")).hasMessageContaining("is no list of names");
    }

    @Test
    void tlsHasACertificateWithItsKeyOrAStore() {
        assertThat(load("--http-tls-certificate=/c", "--http-tls-key=/k").http().tls())
                .contains(new Settings.Tls.Pem(Path.of("/c"), Path.of("/k")));
        assertThat(load("--http-tls-store=/s", "--http-tls-password-file=/p")
                        .http()
                        .tls())
                .contains(new Settings.Tls.Store(Path.of("/s"), Optional.of(Path.of("/p"))));
        assertThatThrownBy(() -> load("--http-tls-certificate=/c")).hasMessageContaining("http.tls-key");
        assertThatThrownBy(() -> load("--http-tls-store=/s", "--http-tls-certificate=/c", "--http-tls-key=/k"))
                .hasMessageContaining("set the ones or the others");
        assertThatThrownBy(() -> load("--http-tls-password-file=/p")).hasMessageContaining("http.tls-store");
    }

    @Test
    void helpAndVersionAreFlags() {
        assertThat(DaemonArguments.parse("--help").help()).isTrue();
        assertThat(DaemonArguments.parse("--version"))
                .isEqualTo(new DaemonArguments(Map.of(), Optional.empty(), false, false, true));
        assertThat(DaemonArguments.usage()).contains("--ipc-sock (path; GPUSLICE_IPC_SOCK)");
    }
}
