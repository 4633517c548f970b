// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Books;
import io.gpuslice.actors.Register;
import io.gpuslice.daemon.DaemonProcess;
import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.daemon.ShortTempDir;
import io.gpuslice.domain.Member;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What earlier daemons left is what this one knows. */
class FrozenStateTest {

    private static final UUID DEVICE = UUID.fromString("01234567-89ab-cdef-0123-456789abcdef");

    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"state-1", "state-2"})
    void aStateOfEarlierIsRecoveredToTheLastCharge(String name) throws IOException {
        Path state = directory.resolve("state");
        FrozenState.thaw(name, state);

        // In the same life of the machine: in another one the books would be of no use.
        Recovered recovered = Recovered.of(state, boot(state));

        assertThat(text(recovered)).isEqualTo(FrozenState.known(name));
    }

    @ParameterizedTest
    @CsvSource({
        "state-1, ce2adaa7c1350736cc6b2b89dbf421b67c29c414dea661303ddc565bc824f635",
        "state-2, 7e20cdf4cca698494faa15e2349bf70bd7d0dccbc706da2125ef4689ca8536ff"
    })
    void aDaemonGoesOnWithAStateOfEarlierOnAnotherStartOfTheMachine(String name, String token) throws Exception {
        Path state = directory.resolve("state");
        FrozenState.thaw(name, state);
        String plain = FrozenState.known(name)
                .lines()
                .filter(line -> line.contains(" \"plain\" "))
                .map(line -> line.split(" ")[1])
                .findFirst()
                .orElseThrow();

        try (DaemonProcess daemon = DaemonProcess.start(directory);
                Client member = daemon.connect();
                Client client = daemon.connect()) {
            Frame.Welcome welcome =
                    member.ask(new Frame.Hello(plain, token, "00".repeat(16), List.of(DEVICE)), Frame.Welcome.class);
            assertThat(welcome.limits().getFirst()).isEqualTo(64L << 20);
            assertThat(member.ask(new Frame.Charge(64L << 20, 0), Frame.Granted.class)
                            .charge())
                    .isEqualTo(64L << 20);
            assertThat(member.ask(new Frame.Charge((64L << 20) + 1, 0))).isInstanceOf(Frame.Denied.class);
            assertThat(client.ask(new Frame.Call("{\"method\":\"GET\",\"path\":\"/sessions\"}"), Frame.Reply.class)
                            .json())
                    .contains(
                            "\"name\":\"strict\"",
                            "\"name\":\"long\"",
                            "\"name\":\"brief\",\"state\":\"EXPIRED\"",
                            "\"name\":\"changed\"",
                            "\"name\":\"in the place of gone\"")
                    .doesNotContain("\"name\":\"gone\"");
        }
    }

    private static String boot(Path state) throws IOException {
        Properties version = new Properties();
        version.load(new StringReader(Files.readString(state.resolve("VERSION"))));
        return version.getProperty("boot");
    }

    /** All that matters of it, in lines that no change of a class changes. */
    private static String text(Recovered recovered) {
        return "directory " + recovered.register().state().orElseThrow() + "\nclosed "
                + recovered.register().closed() + "\n"
                + recovered.register().sessions().values().stream()
                        .map(entry -> text(entry)
                                + text(Objects.requireNonNull(recovered.books().get(entry.slot()))))
                        .collect(Collectors.joining());
    }

    private static String text(Register.Entry entry) {
        return "session " + entry.id() + " \"" + entry.name() + "\" slot " + entry.slot() + " uid " + entry.uid()
                + " limit " + entry.limit() + " " + entry.limits().defaultBytes()
                + " per device " + entry.limits().perDevice()
                + entry.deadline().map(end -> " until " + end.wall()).orElse("")
                + (entry.expired() ? " expired" : "") + " flags " + entry.flags()
                + " tokens " + entry.tokens().stream().map(token -> token.hex()).toList()
                + " created " + entry.created() + "\n";
    }

    private static String text(Books books) {
        return "  books of " + books.tenant().map(Object::toString).orElse("nobody") + " "
                + books.ledger().state() + (books.ledger().strict() ? " strict" : "") + " limit "
                + books.ledger().limits().defaultBytes() + " reclaimed " + books.reclaimed() + "\n"
                + books.ledger().members().stream()
                        .map(member -> text(member, books))
                        .collect(Collectors.joining());
    }

    private static String text(Member member, Books books) {
        return "    " + member.process().bootId() + " pid " + member.process().pid() + " since "
                + member.process().startTime() + " image " + member.image() + " page "
                + member.page().pageId() + " of inode " + member.page().ino() + " charges "
                + member.devices() + " " + member.charges() + " uid "
                + Objects.requireNonNull(books.admitted().get(member.process())).uid() + "\n";
    }
}
