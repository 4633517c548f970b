// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * One that floods, says nothing, does not listen or forges its page is in nobody's way but its own. What it costs the
 * others is printed, not judged: the machine has its own say in that. {@code gpuslice.flood.charges} are measured.
 */
@Timeout(180)
class FloodTest {

    private static final int CHARGES = Integer.getInteger("gpuslice.flood.charges", 1000);
    private static final int SILENT = 500;
    private static final int AT_ONCE = 200;

    @AutoClose
    private static final Rig rig = Rig.idle();

    private static final Guest daemon = rig.daemon();

    private final AtomicLong done = new AtomicLong();
    private final Deque<WirePeer> open = new ArrayDeque<>();
    private volatile boolean over;

    @AfterEach
    void hangUp() throws IOException {
        for (WirePeer peer : open) {
            peer.close();
        }
    }

    @Test
    void aGuestThatFloodsIsAnsweredInItsTurn() throws Exception {
        byte[] flood = new byte[AT_ONCE * FrameCodec.encode(new Frame.Query(), 1).length];
        for (int i = 0; i < AT_ONCE; i++) {
            byte[] frame = FrameCodec.encode(new Frame.Query(), i);
            System.arraycopy(frame, 0, flood, i * frame.length, frame.length);
        }
        List<WirePeer> guests = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            guests.add(WirePeer.member(rig, rig.open("64MB")));
        }
        open.addAll(guests);

        assertOthersAreServed(
                "a flood",
                guests.stream()
                        .<Callable<Void>>map(guest -> () -> {
                            guest.send(flood);
                            for (int i = 0; i < AT_ONCE; i++) {
                                // The status, or OVERLOADED.
                                guest.receive();
                            }
                            return null;
                        })
                        .toList());
    }

    @Test
    void whoConnectsAndSaysNothingTakesNobodysPlace() throws Exception {
        assertOthersAreServed("silence", List.of(() -> {
            open.addLast(WirePeer.of(rig));
            if (open.size() > SILENT) {
                open.removeFirst().close();
            }
            return null;
        }));
    }

    @Test
    void whoDoesNotReadItsAnswersIsDropped() throws Exception {
        byte[] question = FrameCodec.encode(new Frame.Call("{\"method\":\"GET\",\"path\":\"/sessions\"}"), 1);
        open.addLast(WirePeer.of(rig));
        AtomicLong dropped = new AtomicLong();

        assertOthersAreServed("deafness", List.of(() -> {
            try {
                open.getLast().send(question);
            } catch (IOException isDropped) {
                open.removeLast().close();
                open.addLast(WirePeer.of(rig));
                dropped.incrementAndGet();
            }
            return null;
        }));

        assertThat(dropped).hasPositiveValue();
    }

    @Test
    void whoForgesItsPageIsNotBelieved() throws Exception {
        Rig.Opened session = rig.open("64MB");
        Guest honest = rig.in(session, "holder", "--count", 8);
        honest.await("ready held=8");
        Guest forger = rig.in(session, "holder", "--count", 8);
        forger.await("ready held=8");
        try (ForgedPage page = new ForgedPage(forger, new Random(1))) {
            assertOthersAreServed("forgery", List.of(() -> {
                page.scribble();
                JsonNode seen = rig.inspect(session.id());
                assertThat(seen.path("charge_bytes").asLong()).isBetween(8 * Rig.MIB, 64 * Rig.MIB);
                honest.say("more 1");
                honest.await("held=");
                honest.say("less 1");
                honest.await("held=");
                return null;
            }));
            page.claim(1L << 40);
            Rig.eventually(
                    () -> rig.inspect(session.id()).findValuesAsText("page").contains("forged"));
        }
        forger.kill().exitCode();
        honest.say("more 100");
        assertThat(honest.await("held=")).startsWith("held=64 refused=2");
        honest.kill().exitCode();
    }

    /** @param attackers repeat these for as long as others are measured */
    private void assertOthersAreServed(String attack, List<Callable<Void>> attackers) throws Exception {
        try (WirePeer innocent = WirePeer.member(rig, rig.open("64MB"))) {
            Vitals before = Vitals.of(daemon);
            long alone = p99(innocent);
            long beside = p99Beside(innocent, attackers);
            System.out.printf(
                    "flood: 99 of 100 charges within %d us, beside %s within %d us: x %.1f (%d charges, attacked %d times)%n",
                    alone / 1000, attack, beside / 1000, (double) beside / alone, CHARGES, done.get());
            hangUp();
            // Guests of this attack are gone, and their pages with them.
            before.assertRegained(rig, daemon);
        }
    }

    private long p99Beside(WirePeer innocent, List<Callable<Void>> attackers) throws Exception {
        ExecutorService crew = Executors.newCachedThreadPool();
        try {
            List<Future<Void>> attacks = attackers.stream()
                    .map(attacker -> crew.submit(() -> repeat(attacker)))
                    .toList();
            Rig.eventually(() -> done.get() > 0);
            long beside = p99(innocent);
            assertThat(rig.web().get("/health/ready").status()).isEqualTo(200);
            assertThat(attacks).as("the attack goes on").noneMatch(Future::isDone);
            return beside;
        } finally {
            over = true;
            crew.shutdown();
            assertThat(crew.awaitTermination(Guest.PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .isTrue();
        }
    }

    private Void repeat(Callable<Void> attacker) throws Exception {
        while (!over) {
            attacker.call();
            done.incrementAndGet();
        }
        return null;
    }

    private static long p99(WirePeer innocent) {
        long[] nanos =
                IntStream.range(0, CHARGES).mapToLong(_ -> charge(innocent)).toArray();
        Arrays.sort(nanos);
        return nanos[nanos.length * 99 / 100];
    }

    private static long charge(WirePeer innocent) {
        try {
            long before = System.nanoTime();
            assertThat(innocent.ask(new Frame.Charge(4096, 0))).isInstanceOf(Frame.Granted.class);
            return System.nanoTime() - before;
        } catch (IOException e) {
            throw new AssertionError("an innocent guest was dropped", e);
        }
    }
}
