// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/**
 * Whatever is said to the daemon, the command line or the library: it is answered or refused in words, ends no process of
 * ours, and leaves nothing behind. Takes {@code gpuslice.fuzz.seconds} in all. {@code gpuslice.fuzz.seed} fixes what is
 * said, but not how much of it there is time for.
 */
class FuzzTest {

    private static final Duration TIME = Duration.ofSeconds(Integer.getInteger("gpuslice.fuzz.seconds", 60));
    private static final long SEED =
            Long.getLong("gpuslice.fuzz.seed", ThreadLocalRandom.current().nextLong(1L << 32));
    private static final int CONNECTIONS = 16;
    private static final int MOST_SAID = 16_384;
    private static final int ANSWER_MILLIS = 20_000;

    /** Pekko's answer to chunks in HTTP/1.0, which it cannot express: a problem of ours has a body. */
    private static final String ENGINE_GAVE_UP = "Content-Length: 0\r\n";

    static {
        System.out.println("fuzz: seed " + SEED);
    }

    @AutoClose
    private static final Rig rig =
            Rig.idle().with("GPUSLICE_SESSIONS_MAX", "200").with("GPUSLICE_LOG_LEVEL", "warn");

    private static final Guest daemon = rig.daemon();

    private final Random random = new Random(SEED);
    private long end;

    /** @param share of the whole time, in percent */
    private void begin(int share) {
        end = System.nanoTime() + TIME.toNanos() / 100 * share;
    }

    private boolean goesOn() {
        return System.nanoTime() < end;
    }

    @Test
    void theDoorOutlivesWhateverComesThrough() throws IOException {
        begin(45);
        Mangler mangler = new Mangler(random, WirePeer.hello(rig, rig.open("64MB")));
        List<WirePeer> open = new ArrayList<>();
        long said = 0;
        try (WirePeer bystander = WirePeer.member(rig, rig.open("64MB"))) {
            Vitals before = Vitals.of(daemon);
            while (goesOn()) {
                if (open.size() < CONNECTIONS) {
                    open.add(WirePeer.of(rig));
                    if (random.nextBoolean()) {
                        say(open.getLast(), mangler.greeting());
                    }
                }
                int which = random.nextInt(open.size());
                said++;
                if (random.nextInt(20) == 0 || !say(open.get(which), mangler.next())) {
                    open.remove(which).close();
                }
                if (said % 100 == 0) {
                    assertThat(bystander.ask(new Frame.Charge(1, 0))).isInstanceOf(Frame.Granted.class);
                }
            }
            for (WirePeer peer : open) {
                peer.close();
            }
            before.assertRegained(rig, daemon);
        }
        System.out.println("fuzz: " + said + " things said at the door");
        assertThat(said).isGreaterThan(100);
    }

    /** Reads what has been answered, and says more. False: the daemon has hung up. */
    private static boolean say(WirePeer peer, byte[] bytes) throws IOException {
        SocketChannel channel = peer.unblocked();
        try {
            if (channel.read(ByteBuffer.allocate(1 << 16)) < 0) {
                return false;
            }
            // What does not fit now is a frame that was cut short.
            channel.write(ByteBuffer.wrap(bytes));
            return true;
        } catch (IOException e) {
            assertThat(e).message().containsAnyOf("Broken pipe", "reset");
            return false;
        }
    }

    @Test
    void httpAnswersWhateverIsAsked() throws IOException {
        begin(20);
        Web web = rig.web();
        String session = rig.open("64MB").id();
        RandomRequests requests = new RandomRequests(random, session, web.token());
        Vitals before = Vitals.of(daemon);
        exchange(web, "GET /info HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        Vitals.assertUnderstandable(daemon.errors());
        long asked = 0;
        while (goesOn()) {
            String request = requests.next();
            String answer = exchange(web, request);
            asked++;
            assertThat(answer).as(request).doesNotContain("Exception").doesNotContain("\tat ");
            if (!answer.isEmpty() && !answer.contains(ENGINE_GAVE_UP)) {
                assertThat(Integer.parseInt(answer.substring(9, 12)))
                        .as("%s%n%s", request, answer)
                        .isNotEqualTo(500);
            }
        }
        before.assertRegained(rig, daemon);
        System.out.println("fuzz: " + asked + " requests by HTTP");
        assertThat(asked).isGreaterThan(10);
    }

    /** The beginning of the answer; empty: it hung up without one. */
    private static String exchange(Web web, String request) throws IOException {
        try (Socket socket = new Socket(web.url().getHost(), web.url().getPort())) {
            socket.setSoTimeout(ANSWER_MILLIS);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            socket.shutdownOutput();
            return new String(socket.getInputStream().readNBytes(1 << 16), StandardCharsets.UTF_8);
        } catch (SocketException hungUp) {
            return "";
        }
    }

    @Test
    void aPageFullOfGarbageIsItsOwnersTroubleAlone() {
        begin(15);
        Rig.Opened session = rig.open("64MB");
        Guest honest = rig.in(session, "holder", "--count", 8);
        honest.await("ready held=8");
        long scribbled = 0;
        while (goesOn() || scribbled == 0) {
            Guest forger = rig.in(session, "holder", "--count", 4);
            forger.await("ready held=4");
            try (ForgedPage page = new ForgedPage(forger, random)) {
                for (int round = 0; round < 50; round++, scribbled++) {
                    page.scribble();
                    JsonNode seen = rig.inspect(session.id());
                    assertThat(seen.path("charge_bytes").asLong()).isBetween(8 * Rig.MIB, 64 * Rig.MIB);
                    assertThat(seen.path("used_bytes").asLong()).isBetween(8 * Rig.MIB, 64 * Rig.MIB);
                    rig.web().get("/sessions/" + session.id() + "/allocations").with(200);
                    honest.say(round % 2 == 0 ? "more 1" : "less 1");
                    honest.await("held=");
                }
            }
            forger.kill().exitCode();
            Rig.eventually(() -> rig.used(session.id()) == 8 * Rig.MIB);
        }
        honest.say("more 100");
        assertThat(honest.await("held=")).startsWith("held=64 refused=2");
        honest.kill().exitCode();
        System.out.println("fuzz: " + scribbled + " forgeries of a page");
    }

    @Test
    void theCommandLineRefusesInAFewWords() {
        begin(10);
        RandomWords words = new RandomWords(random);
        int told = 0;
        while (goesOn() || told == 0) {
            List<List<String>> commands =
                    IntStream.range(0, 4).mapToObj(_ -> words.command()).toList();
            List<Guest> running = commands.stream()
                    .map(command -> rig.gpuslice(command.toArray()).finish())
                    .toList();
            for (int i = 0; i < running.size(); i++, told++) {
                String shown = commands.get(i).toString();
                assertThat(running.get(i).exitCode())
                        .as(shown.substring(0, Math.min(shown.length(), 300)))
                        .isIn(0, 1, 2, 125, 126, 127);
                String said = running.get(i).errors();
                Vitals.assertUnderstandable(said);
                assertThat(said.length())
                        .as(shown.substring(0, Math.min(shown.length(), 300)))
                        .isLessThan(MOST_SAID);
            }
            running.forEach(Guest::close);
        }
        Vitals.assertUnderstandable(daemon.errors());
        System.out.println("fuzz: " + told + " command lines");
    }

    @Test
    void aGuestWithGarbageInItsEnvironmentIsDeniedOrLimitedAndRuns() {
        begin(10);
        Rig.Opened session = rig.open("16MB");
        RandomWords words = new RandomWords(random);
        int ran = 0;
        while (goesOn() || ran == 0) {
            String script = words.environment();
            Guest guest = rig.in(session, List.of("sh", "-c", script), "fill", "--step", "1M")
                    .finish();
            String said = guest.output();
            assertThat(guest.exitCode()).as("%s%n%s", script, guest.errors()).isZero();
            assertThat(Guest.number(said, "held")).as(script).isBetween(0L, 16L);
            assertThat(Guest.number(said, "refused")).as(script).isEqualTo(2);
            guest.close();
            ran++;
        }
        Rig.eventually(() -> rig.charge(session.id()) == 0);
        Vitals.assertUnderstandable(daemon.errors());
        System.out.println("fuzz: " + ran + " environments");
    }
}
