// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemfdTest {
    private static final long SIZE = 1 << 20;
    private static final int SELF = (int) ProcessHandle.current().pid();

    @Test
    void aSealedFileCanBeWrittenButNotResizedNorUnsealed() throws Exception {
        try (Memfd memfd = Memfd.create("test", SIZE)) {
            memfd.seal();
            MemorySegment map = memfd.map();
            map.set(ValueLayout.JAVA_LONG, SIZE - 8, 4711);

            try (RandomAccessFile other = new RandomAccessFile("/proc/self/fd/" + memfd.fd(), "rw")) {
                other.seek(SIZE - 8);
                assertThat(Long.reverseBytes(other.readLong())).isEqualTo(4711);
                other.seek(0);
                other.write(7);
                assertThat(map.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 7);
                for (long size : new long[] {0, SIZE - 1, SIZE + 1}) {
                    assertThatExceptionOfType(IOException.class)
                            .isThrownBy(() -> other.setLength(size))
                            .withMessageContaining("not permitted");
                }
            }
            assertThatExceptionOfType(LinuxException.class).isThrownBy(memfd::seal);
            assertThat(memfd.identity().seals()).isEqualTo(7);
            assertThat(memfd.identity().size()).isEqualTo(SIZE);
        }
    }

    @Test
    void afterTheUnmappingAnAccessIsAnExceptionAndNoCrash() throws Exception {
        try (Memfd memfd = Memfd.create("test", SIZE)) {
            MemorySegment map = memfd.map();
            assertThat(memfd.map()).isSameAs(map);
            memfd.unmap();

            assertThatIllegalStateException().isThrownBy(() -> map.get(ValueLayout.JAVA_BYTE, 0));
            assertThat(memfd.map().get(ValueLayout.JAVA_BYTE, 0)).isZero();
        }
    }

    @Test
    void aFileIsFoundAmongTheDescriptorsOfAnotherProcess(@TempDir Path directory) throws Exception {
        try (Memfd memfd = Memfd.create("test", SIZE)) {
            memfd.seal();
            memfd.map().set(ValueLayout.JAVA_LONG, 0, 4711);
            String own = "/proc/" + SELF + "/fd/" + memfd.fd();
            // Around it, what must neither delay nor fool: a FIFO without a writer, a terminal's master, a plain file.
            String decoys = "mkfifo \"$2/fifo\"; exec 3<>\"$2/fifo\" 4</dev/ptmx 5</etc/passwd 6</dev/zero; ";
            try (Child child = Child.start(
                            decoys + "exec 9<>\"$1\"; echo ready; exec sleep 1000", own, directory.toString());
                    Child without = Child.start(decoys + "echo ready; exec sleep 1000", own, directory + "/..")) {
                assertThat(child.line()).isEqualTo("ready");
                assertThat(without.line()).isEqualTo("ready");

                try (Memfd found = Memfd.reopen(child.pid(), memfd.identity()).orElseThrow()) {
                    assertThat(found.fd()).isNotEqualTo(memfd.fd());
                    assertThat(found.map().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(4711);
                    found.map().set(ValueLayout.JAVA_LONG, 8, 12);
                    assertThat(memfd.map().get(ValueLayout.JAVA_LONG, 8)).isEqualTo(12);
                }
                assertThat(Memfd.reopen(without.pid(), memfd.identity())).isEmpty();
            }
        }
    }

    @Test
    void aFileThatIsNotExactlyTheOneIsNotFound() throws Exception {
        try (Memfd memfd = Memfd.create("test", SIZE);
                Memfd twin = Memfd.create("test", SIZE)) {
            twin.seal();
            FileIdentity own = memfd.identity();

            assertThat(reopens(own)).isTrue();
            assertThat(reopens(new FileIdentity(own.dev(), own.ino(), own.size(), 7)))
                    .as("seals")
                    .isFalse();
            assertThat(reopens(new FileIdentity(own.dev(), own.ino(), own.size() + 1, own.seals())))
                    .as("size")
                    .isFalse();
            assertThat(reopens(new FileIdentity(own.dev() + 1, own.ino(), own.size(), own.seals())))
                    .as("device")
                    .isFalse();
            memfd.seal();
            assertThat(reopens(own)).as("sealed since").isFalse();
        }
    }

    @Test
    void anotherProcesssFileIsLookedAtWithoutTheRightToWriteIt() throws Exception {
        try (Memfd memfd = Memfd.create("to look at", SIZE)) {
            memfd.seal();
            memfd.map().set(ValueLayout.JAVA_LONG, 0, 4711);
            int number = numberOf("/memfd:to look at (deleted)");
            try (Memfd found = Memfd.openToRead(SELF, number).orElseThrow()) {
                MemorySegment map = found.map();
                assertThat(map.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(4711);
                assertThat(map.isReadOnly()).isTrue();
                assertThatExceptionOfType(IllegalArgumentException.class)
                        .isThrownBy(() -> map.set(ValueLayout.JAVA_LONG, 0, 1));
            }
        }
    }

    @Test
    void whatCouldFaultWhenItIsReadIsNotOpenedToRead(@TempDir Path directory) throws Exception {
        try (Memfd unsealed = Memfd.create("unsealed", SIZE);
                RandomAccessFile zeroes = new RandomAccessFile("/dev/zero", "r");
                RandomAccessFile file =
                        new RandomAccessFile(directory.resolve("plain").toFile(), "rw")) {
            file.setLength(SIZE);
            assertThat(Memfd.openToRead(SELF, unsealed.fd())).isEmpty();
            assertThat(Memfd.openToRead(
                            SELF,
                            numberOf(directory.resolve("plain").toRealPath().toString())))
                    .isEmpty();
            assertThat(zeroes.read()).isZero();
            assertThat(Memfd.openToRead(SELF, numberOf("/dev/zero"))).isEmpty();
            assertThat(Memfd.openToRead(SELF, Integer.MAX_VALUE)).isEmpty();
        }
    }

    @Test
    void nothingIsFoundInAProcessThatIsGone() throws Exception {
        try (Memfd memfd = Memfd.create("test", SIZE)) {
            assertThat(Memfd.reopen(Integer.MAX_VALUE, memfd.identity())).isEmpty();
        }
    }

    @Test
    void onlyWhatWasTouchedHasMemory() throws Exception {
        try (Memfd memfd = Memfd.create("test", SIZE)) {
            assertThat(extents(memfd)).isEmpty();
            memfd.map().set(ValueLayout.JAVA_BYTE, 4096, (byte) 1);
            memfd.map().set(ValueLayout.JAVA_BYTE, SIZE - 1, (byte) 1);

            assertThat(extents(memfd)).containsExactly(List.of(4096L, 8192L), List.of(SIZE - 4096, SIZE));
        }
    }

    @Test
    void aMappingIsSeenInTheMapsOfItsProcessUntilItIsUndone() throws Exception {
        try (Memfd memfd = Memfd.create("a mapping", SIZE)) {
            String name = "/memfd:a mapping (deleted)";
            assertThat(Procfs.mapped(SELF)).contains("[stack]").doesNotContain(name);
            memfd.map();
            assertThat(Procfs.mapped(SELF)).contains(name);
            memfd.unmap();
            assertThat(Procfs.mapped(SELF)).doesNotContain(name);
            assertThat(Procfs.mapped(Integer.MAX_VALUE)).isEmpty();
        }
    }

    private static int numberOf(String name) throws IOException {
        return Procfs.descriptors(SELF).entrySet().stream()
                .filter(descriptor -> descriptor.getValue().equals(name))
                .mapToInt(Map.Entry::getKey)
                .findFirst()
                .orElseThrow();
    }

    private static boolean reopens(FileIdentity identity) throws IOException {
        Optional<Memfd> found = Memfd.reopen(SELF, identity);
        if (found.isPresent()) {
            found.get().close();
        }
        return found.isPresent();
    }

    private static List<List<Long>> extents(Memfd memfd) throws IOException {
        List<List<Long>> extents = new ArrayList<>();
        memfd.forEachExtent((from, to) -> extents.add(List.of(from, to)));
        return extents;
    }
}
