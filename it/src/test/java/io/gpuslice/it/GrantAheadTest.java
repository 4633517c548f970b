// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Credit is handed out ahead of need, so that programs need not ask, and taken back from whoever does not use it. */
class GrantAheadTest {
    private static final long LIMIT = 64 * Rig.MIB;

    @AutoClose
    private static final Rig rig = Rig.running();

    private static final Audit audit = rig.audit();

    /** How many requests of a session for memory the daemon has decided so far: each is a line of the audit log. */
    private static long asked(String session) {
        return lines(session, operation -> operation.matches("grant|deny"));
    }

    private static long refused(String session) {
        return lines(session, "deny"::equals);
    }

    /** The log comes after the answer, but in order: what has been decided is in it when something later is. */
    private static long lines(String session, Predicate<String> operation) {
        audit.await(rig.create("1MB"), Audit.says("open", "ok"));
        return audit.of(session).stream()
                .filter(line -> operation.test(line.path("operation").asText()))
                .count();
    }

    private static String answer(Guest guest, String word) {
        guest.say(word);
        return guest.await("held");
    }

    @Test
    void aLoneProcessAsksOnceForAllOfItsLimitHoweverItGrowsAndShrinks() {
        String session = rig.create("64MB");
        Guest holder = rig.in(session, "holder", "--count", 1);
        holder.await("ready held=1");
        for (int held = 2; held <= 64; held++) {
            assertThat(answer(holder, "more 1")).startsWith("held=" + held + " refused=0");
        }
        assertThat(answer(holder, "less 60")).startsWith("held=4 refused=0");
        assertThat(answer(holder, "more 60")).startsWith("held=64 refused=0");
        assertThat(asked(session)).isEqualTo(1);

        assertThat(answer(holder, "more 1")).startsWith("held=64 refused=2");
        assertThat(refused(session)).isEqualTo(1);
        assertThat(asked(session)).isEqualTo(2);
    }

    /** Eight at once, at a time when there is no credit yet: one asks, the others wait for the answer. */
    @Test
    void eightThreadsThatNeedMemoryAtOnceAskOnceForAll() {
        String session = rig.create("256MB");
        Guest hammer = rig.in(session, "hammer", "--threads", 8, "--rounds", 8);

        assertThat(hammer.await("held")).isEqualTo("held=256 refused=2 failed=0");

        assertThat(refused(session)).as("one for each thread, at most").isBetween(1L, 8L);
        assertThat(asked(session) - refused(session)).isLessThanOrEqualTo(2);
    }

    @Test
    void programsThatChurnInsideTheirCreditSendNothing() {
        String session = rig.create("64MB");
        List<Guest> churning = Stream.of(1, 2)
                .map(seed -> rig.in(session, "churn", "--seed", seed, "--threads", 2, "--most", "256K"))
                .toList();
        churning.forEach(guest -> guest.await("ready first=0"));
        // At most 2 × 2 × 16 blocks of 256 KiB: each has enough after a few requests, and then there is no more to say.
        Rig.eventually(() -> allocations(session) > 20_000);
        long before = asked(session);
        long done = allocations(session);

        Rig.eventually(() -> allocations(session) > done + 200_000);

        assertThat(asked(session)).as("after the first few").isEqualTo(before).isLessThanOrEqualTo(8);
        assertThat(refused(session)).isZero();
        churning.forEach(guest -> assertThat(guest.finish().exitCode()).isZero());
    }

    /** By what the programs themselves count in their pages. */
    private static long allocations(String session) {
        return rig.inspect(session).path("counters").path("allocations").asLong();
    }

    @Test
    void whatALoneProcessHasAheadIsASiblingsWhenItNeedsIt() {
        String session = rig.create("64MB");
        Guest early = rig.in(session, "holder", "--count", 1);
        early.await("ready held=1");
        assertThat(rig.charge(session)).as("all of it").isEqualTo(LIMIT);

        Guest late = rig.in(session, "holder", "--count", 100);
        late.await("ready held=63 refused=2");
        assertThat(answer(early, "more 1")).startsWith("held=1 refused=2");
        assertThat(answer(late, "less 30")).startsWith("held=33 refused=0");
        assertThat(answer(early, "more 100")).startsWith("held=31 refused=2");
    }

    /** In turns: who asks, and whether there is room, is known each time. */
    @Test
    void theWholeLimitGoesBackAndForthWithOneCollectForEachTurnAndNoRefusalWithoutReason() {
        int turns = 50;
        String session = rig.create("64MB");
        Guest first = rig.in(session, "holder", "--count", 64);
        first.await("ready held=64 refused=0");
        Guest second = rig.in(session, "holder", "--count", 0);
        second.await("ready held=0 refused=0");
        for (int turn = 0; turn < turns; turn++) {
            Guest from = turn % 2 == 0 ? first : second;
            Guest to = turn % 2 == 0 ? second : first;
            assertThat(answer(to, "more 1")).as("turn %d", turn).startsWith("held=0 refused=2");
            assertThat(answer(from, "less 64")).startsWith("held=0 refused=0");
            assertThat(answer(to, "more 64")).as("turn %d", turn).startsWith("held=64 refused=0");
        }

        assertThat(refused(session)).isEqualTo(turns);
        assertThat(lines(session, "collect"::equals)).isBetween((long) turns, 2L * turns);
        assertThat(audit.of(session))
                .filteredOn(Audit.says("deny", "denied"))
                .allSatisfy(line -> assertThat(line.path("bytes").asLong()).isEqualTo(Rig.MIB));
        for (JsonNode refusal : rig.inspect(session).path("refusals")) {
            assertThat(refusal.path("used_bytes").asLong()).isEqualTo(LIMIT);
        }
    }

    /** All at once: the program itself knows whether there was room, and the card what was held. */
    @ParameterizedTest(name = "{0} processes of {1} threads")
    @CsvSource({"2, 1", "2, 4", "6, 1"})
    void whoeverIsRefusedWhileAllWantTheWholeLimitIsRefusedForAReason(int processes, int threads) {
        String group = "seesaw-%d-%d".formatted(processes, threads);
        rig.with("FAKECUDA_GROUP", group);
        String session = rig.create("64MB");
        Guest seesaw = rig.in(session, "seesaw", "--processes", processes, "--threads", threads, "--rounds", 60);
        seesaw.await("ready");

        seesaw.say("go");

        String done = seesaw.await("done");
        System.out.println(group + ": " + done);
        assertThat(Guest.number(done, "failed")).isZero();
        assertThat(Guest.number(done, "baseless")).isZero();
        assertThat(Guest.number(done, "refused"))
                .as("they were in each other's way")
                .isPositive();
        assertThat(Guest.number(done, "allocated")).isGreaterThan(64);
        assertThat(peakOf(group)).isBetween(LIMIT / 2, LIMIT);
        assertThat(seesaw.finish().exitCode()).as(seesaw.errors()).isZero();
        Rig.eventually(() -> rig.charge(session) == 0);
    }

    private static long peakOf(String group) {
        for (JsonNode one : rig.card().path("groups")) {
            if (one.path("name").asText().equals(group)) {
                return one.path("devices").path(0).path("peak").asLong();
            }
        }
        throw new AssertionError("no process of " + group + " has used the card");
    }
}
