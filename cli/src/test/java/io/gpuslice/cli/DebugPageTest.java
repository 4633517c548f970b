// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.gpuslice.linux.Memfd;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.PageLayout;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code gpuslice debug page}: the pages are this process's own, which the launcher looks into. */
class DebugPageTest extends LauncherFixture {
    private static final int SELF = (int) ProcessHandle.current().pid();
    private static final String ID = "000102030405060708090a0b0c0d0e0f";
    private static final long MIB = 1 << 20;

    private Memfd memfd;
    private MemorySegment page;

    /** As the daemon makes it, and as a process with two devices may have filled it. */
    @BeforeEach
    void makePage() throws IOException {
        memfd = Memfd.create("gpuslice-" + "ab".repeat(16), Abi.PAGE_SIZE);
        memfd.seal();
        page = memfd.map();
        PageLayout.initialise(page, 2, ID, SELF);
        device(0, 8 * MIB, 7 * MIB, 7 * MIB, 12, 9, 2);
        PageLayout.storeCharge(page, 1, 64 * MIB | Abi.GATED);
        entry(0, 0x7f0000000000L, MIB, 0, Abi.KIND_LINEAR);
        entry(1, 0x7f0000100000L, 4 * MIB, 0, Abi.KIND_POOL);
        entry(9, 0x7f0000900000L, 2 * MIB, 0, Abi.KIND_ARRAY);
    }

    @AfterEach
    void closePage() throws IOException {
        memfd.close();
    }

    private void device(int device, long charge, long used, long peak, long allocations, long frees, long denials) {
        PageLayout.storeCharge(page, device, charge);
        word(device, Abi.PageDevice.USED, used);
        word(device, Abi.PageDevice.PEAK, peak);
        word(device, Abi.PageDevice.ALLOCATIONS, allocations);
        word(device, Abi.PageDevice.FREES, frees);
        word(device, Abi.PageDevice.DENIALS, denials);
    }

    private void word(int device, int field, long value) {
        page.set(ValueLayout.JAVA_LONG, Abi.PageHeader.SIZEOF + (long) device * Abi.PageDevice.SIZEOF + field, value);
    }

    private void stripe(int stripe, int field, long value) {
        page.set(ValueLayout.JAVA_LONG, Abi.PAGE_COUNTS_OFFSET + (long) stripe * Abi.PageCounts.SIZEOF + field, value);
    }

    private void entry(long slot, long handle, long bytes, int device, int kind) {
        long at = Abi.PAGE_TABLE_OFFSET + slot * Abi.PageEntry.SIZEOF;
        page.set(ValueLayout.JAVA_LONG, at + Abi.PageEntry.META, PageLayout.meta(bytes, device, kind));
        page.set(ValueLayout.JAVA_LONG, at, handle);
    }

    private Installation.Result debug(Object... more) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("debug", "page"));
        for (Object argument : more) {
            arguments.add(argument.toString());
        }
        return gpuslice.gpuslice(arguments.toArray(String[]::new));
    }

    private Json json(Object... more) throws Exception {
        List<Object> arguments = new ArrayList<>(List.of(SELF, "--format", "json"));
        arguments.addAll(List.of(more));
        List<Json> pages = Json.parse(debug(arguments.toArray()).text()).objects("pages");
        assertThat(pages).hasSize(1);
        return pages.getFirst();
    }

    @Test
    void aPageIsShownAsItsProcessAndTheDaemonWroteItAndNobodyIsAsked() throws Exception {
        Installation.Result result = debug(SELF);

        assertThat(result.status()).as(result.err()).isZero();
        assertThat(result.text())
                .startsWith("process " + SELF + " (java)\n\npage        " + ID + "\n")
                .contains("descriptor  " + memfd.fd() + " (/memfd:gpuslice-" + "ab".repeat(16) + " (deleted))\n")
                .contains(
                        "version     1.0\nsize        255.9 MiB, 8.0 KiB of it in memory\nseals       seal shrink grow\n")
                .endsWith("""
                        devices     2
                        segments    1 of 12

                        DEVICE    CHARGE  GATED     USED    CREDIT     PEAK  ALLOCATIONS  FREES  DENIALS  LIVE   LISTED
                        0        8.0 MiB  no     7.0 MiB   1.0 MiB  7.0 MiB           12      9        2     3  7.0 MiB
                        1       64.0 MiB  yes        0 B  64.0 MiB      0 B            0      0        0     0      0 B

                        SEGMENT  ENTRIES  LIVE  OCCUPIED
                        0           4096     3      0.1%

                        3 live allocations, the largest first

                        ADDRESS         DEVICE    BYTES  KIND
                        0x7f0000100000  0       4.0 MiB  pool
                        0x7f0000900000  0       2.0 MiB  array
                        0x7f0000000000  0       1.0 MiB  linear
                        """);
        assertThat(result.err()).contains("read while the process went on");
        assertThat(debug(SELF, "-q").err()).isEmpty();
        assertThat(daemon.asked).isEmpty();
    }

    @Test
    void jsonHasTheSameInBytes() throws Exception {
        Json json = json();
        assertThat(json.text("page_id", "")).isEqualTo(ID);
        assertThat(json.texts("seals")).containsExactly("seal", "shrink", "grow");
        assertThat(json.number("resident_bytes", 0)).isEqualTo(8192);
        assertThat(json.number("pid", 0)).isEqualTo(SELF);
        assertThat(json.texts("problems")).isEmpty();
        Json device = json.objects("devices").getFirst();
        assertThat(device.number("charge_bytes", 0)).isEqualTo(8 * MIB);
        assertThat(device.number("used_bytes", 0)).isEqualTo(7 * MIB);
        assertThat(device.number("credit_bytes", 0)).isEqualTo(MIB);
        assertThat(device.number("frees", 0)).isEqualTo(9);
        assertThat(json.objects("devices").get(1).is("gated")).isTrue();
        assertThat(json.objects("segments").getFirst().number("live", 0)).isEqualTo(3);
        assertThat(json.objects("allocations"))
                .extracting(each -> each.text("address", ""), each -> each.text("kind", ""))
                .first()
                .hasToString("(\"0x7f0000100000\", \"pool\")");
    }

    @Test
    void whatEachThreadHasCountedIsAddedUp() throws Exception {
        stripe(0, Abi.PageCounts.ALLOCATIONS, 1000);
        stripe(30, Abi.PageCounts.FREES, 999);
        stripe(30, Abi.PageCounts.ALLOCATIONS + Long.BYTES, 5);

        Json json = json();
        assertThat(json.objects("devices"))
                .extracting(device -> List.of(device.number("allocations", 0), device.number("frees", 0)))
                .containsExactly(List.of(1012L, 1008L), List.of(5L, 0L));
        assertThat(json.texts("problems")).isEmpty();
    }

    @Test
    void theLargestAreShownAsManyAsAreWantedAndAllAreBounded() throws Exception {
        int many = DebugVerb.MOST + 1000;
        page.set(ValueLayout.JAVA_INT, Abi.PageHeader.SEGMENTS, 5);
        for (int slot = 0; slot < many; slot++) {
            entry(slot, 0x7f0000000000L + slot, slot, 0, Abi.KIND_LINEAR);
        }
        assertThat(debug(SELF).text()).contains("the 10 largest of " + many + " live allocations");
        assertThat(json("--top", 2).objects("allocations"))
                .extracting(each -> each.number("bytes", 0))
                .containsExactly(many - 1L, many - 2L);
        assertThat(json("--top", 0).objects("allocations")).isEmpty();

        Json all = json("--all");
        assertThat(all.objects("allocations")).hasSize(DebugVerb.MOST);
        assertThat(all.number("live", 0)).isEqualTo(many);
        assertThat(all.is("truncated")).isTrue();
        assertThat(all.objects("segments"))
                .extracting(segment -> segment.number("live", 0))
                .containsExactly(4096L, 8192L, 16384L, 32768L, many - 61440L);
        assertThat(debug(SELF, "--all").text().lines()).hasSizeGreaterThan(DebugVerb.MOST);
    }

    @Test
    void lookingGivesThePageNoMemory() throws Exception {
        page.set(ValueLayout.JAVA_INT, Abi.PageHeader.SEGMENTS, Abi.TABLE_SEGMENTS);
        assertThat(debug(SELF, "--all").status()).isZero();
        List<Long> extents = new ArrayList<>();
        memfd.forEachExtent((from, to) -> extents.add(to - from));
        assertThat(extents.stream().mapToLong(Long::longValue).sum()).isEqualTo(8192);
    }

    @Test
    void whatCannotBeIsShownAsItIsAndMarked() throws Exception {
        page.set(ValueLayout.JAVA_INT, Abi.PageHeader.SEGMENTS, 77);
        page.set(ValueLayout.JAVA_INT, Abi.PageHeader.PID, 1);
        page.set(ValueLayout.JAVA_LONG, Abi.PageHeader.SIZE, 5);
        device(0, MIB, 2 * MIB, -1, 3, 4, 0);
        word(1, Abi.PageDevice.USED, Abi.GATED | 5);
        word(7, Abi.PageDevice.DENIALS, 1);
        entry(20, 0xdead, MIB, 31, 15);

        Installation.Result result = debug(SELF);
        assertThat(result.status()).isZero();
        assertThat(result.text())
                .contains("2.0 MiB !", "18446744073709551615 B !", "4 !", "9223372036854775813 B !", "7 !")
                .contains("0xdead          31 !", "15 !")
                .contains(
                        "it is the page of pid 1, not of " + SELF,
                        "its header says 77 segments; a page has 1 to 12",
                        "its header says 5 bytes, a page has " + Abi.PAGE_SIZE,
                        "device 0: used is 2.0 MiB, the charge 1.0 MiB",
                        "device 0: the peak is 18446744073709551615 B",
                        "device 0: 4 frees of 3 allocations",
                        "device 1: used is 9223372036854775813 B",
                        "device 7: its header says 2 devices");
        assertThat(debug(SELF, "--format", "json").text())
                .contains("\"peak_bytes\": 18446744073709551615,")
                .contains("\"device 0: 4 frees of 3 allocations\"");
    }

    @Test
    void aPageThatIsAllOnesOrAllNoiseIsShownToo() throws Exception {
        MemorySegment head = page.asSlice(0, 2L * Abi.PAGE_TABLE_OFFSET);
        Random random = new Random(4711);
        for (int round = 0; round < 3; round++) {
            byte[] noise = new byte[(int) head.byteSize()];
            random.nextBytes(noise);
            if (round == 0) {
                Arrays.fill(noise, (byte) -1);
            }
            head.copyFrom(MemorySegment.ofArray(noise));
            page.set(ValueLayout.JAVA_LONG, Abi.PageHeader.MAGIC, Abi.PAGE_MAGIC);
            page.set(ValueLayout.JAVA_INT, Abi.PageHeader.VERSION, Abi.ABI_VERSION);
            Installation.Result result = debug(SELF);
            assertThat(result.status()).as(result.err()).isZero();
            assertThat(result.text()).contains("what makes no sense:");
            assertThat(debug(SELF, "--format", "json").text()).contains("\"problems\": [\n");
        }
    }

    @Test
    void aPageThatReplacesALostOneSaysWhoCounts() throws Exception {
        PageLayout.presetUsed(page, 0, MIB);
        assertThat(debug(SELF).text()).contains("segments    0 of 12", "until its process takes it over");
    }

    @Test
    void aPageOfAnotherVersionIsSaidToBeOne() throws Exception {
        page.set(ValueLayout.JAVA_INT, Abi.PageHeader.VERSION, 0x203);
        Installation.Result result = debug(SELF);
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.text())
                .contains("version     2.3\n", "it is of version 2.3, this gpuslice reads 1.x: use the gpuslice of")
                .doesNotContain("DEVICE");

        page.set(ValueLayout.JAVA_LONG, Abi.PageHeader.MAGIC, 1);
        assertThat(debug(SELF).text())
                .contains("it begins with 0000000000000001, not with 314547504c535047: no ledger page");
    }

    @Test
    void whatIsOnlyCalledAPageIsNotMapped() throws Exception {
        memfd.close();
        try (Memfd unsealed = Memfd.create("gpuslice-unsealed", Abi.PAGE_SIZE)) {
            unsealed.map();
            Installation.Result result = debug(SELF);
            assertThat(result.status()).isEqualTo(1);
            assertThat(result.err()).contains("descriptor " + unsealed.fd() + " is called /memfd:gpuslice-unsealed");
        } finally {
            makePage();
        }
    }

    @Test
    void aProcessThatHasNoneIsToldWhy() throws Exception {
        assertThat(debug(Integer.MAX_VALUE).err()).contains("there is no process 2147483647");
        withProcess(
                new ProcessBuilder("sleep", "1000"),
                sleeper -> assertThat(debug(sleeper.pid()).err())
                        .contains("process " + sleeper.pid() + " (sleep) is not limited by gpuslice")
                        .contains("gpuslice run"));
        ProcessBuilder inSession = new ProcessBuilder("sleep", "1000");
        inSession.environment().put("GPUSLICE_SESSION", FakeDaemon.ID);
        withProcess(inSession, sleeper -> {
            Installation.Result result = debug(sleeper.pid());
            assertThat(result.status()).isEqualTo(1);
            assertThat(result.text()).isEmpty();
            assertThat(result.err())
                    .contains("is in session " + FakeDaemon.ID + ", and has no ledger page: it has not used CUDA yet");
        });
    }

    @Test
    void aProcessThatClosedTheDescriptorIsToldFromOneThatNeverHadIt() throws Exception {
        try (Arena mapping = Arena.ofShared()) {
            try (FileChannel channel = FileChannel.open(
                    Path.of("/proc/self/fd/" + memfd.fd()), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                channel.map(FileChannel.MapMode.READ_WRITE, 0, Abi.PAGE_SIZE, mapping);
            }
            memfd.close();
            assertThat(debug(SELF).err()).contains("(java) has closed the descriptor of its ledger page");
        } finally {
            makePage();
        }
    }

    @Test
    void anotherUsersProcessIsNotLookedInto() throws Exception {
        assumeThat(Files.getAttribute(here, "unix:uid"))
                .as("only root can be two users")
                .isEqualTo(0);
        withProcess(new ProcessBuilder("setpriv", "--reuid=65534", "--clear-groups", "sleep", "1000"), sleeper -> {
            // Root, but without root's right to everything.
            Installation.Result result =
                    gpuslice.shell("setpriv --inh-caps=-all --bounding-set=-all \"$G\" debug page " + sleeper.pid());
            assertThat(result.status()).isEqualTo(1);
            assertThat(result.err())
                    .contains("you (uid 0) may not look into process " + sleeper.pid() + ", which is uid 65534's")
                    .contains("as that user, or as root");
        });
    }

    @ParameterizedTest
    @CsvSource({
        "page x, '\"x\" is not a process id'",
        "page 0, '\"0\" is not a process id'",
        "page 99999999999, is not a process id",
        "journal 1, 'there is no \"journal\" to look at'",
        "page, 'missing: PID'",
        "page 1 --top x, '--top \"x\" is not a number from 0 to 65536'",
        "page 1 --top 65537, is not a number from 0 to 65536",
        "page 1 --top 3 --all, --top and --all at once"
    })
    void whatMakesNoSenseWhenTypedIsSaidToBeSo(String typed, String why) throws Exception {
        Installation.Result result = gpuslice.gpuslice(("debug " + typed).split(" ", -1));
        assertThat(result.status()).isEqualTo(2);
        assertThat(result.err()).contains(why);
    }

    /** Something to do with a process. */
    private interface Look {
        void at(Process process) throws Exception;
    }

    private static void withProcess(ProcessBuilder builder, Look look) throws Exception {
        Process process = builder.redirectErrorStream(true).start();
        try {
            // Started means forked: its own program is there when the name is.
            Path name = Path.of("/proc/" + process.pid() + "/comm");
            Awaitility.await().until(() -> Files.readString(name).equals("sleep\n"));
            look.at(process);
        } finally {
            process.destroyForcibly().waitFor();
        }
    }
}
