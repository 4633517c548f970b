// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A file that lives in memory and has no name, to be shared with one other process. Not safe for use by several
 * threads, but for {@link #map()}'s segment, which any thread may access until {@link #unmap()}.
 */
public final class Memfd implements AutoCloseable {
    private static final int MFD_CLOEXEC = 1;
    private static final int MFD_ALLOW_SEALING = 2;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int F_ADD_SEALS = 1033;
    private static final int F_GET_SEALS = 1034;
    private static final int F_SEAL_SEAL = 1;
    private static final int F_SEAL_SHRINK = 2;
    private static final int F_SEAL_GROW = 4;
    private static final int PROT_READ = 1;
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;

    private static final NativeFunction MEMFD_CREATE = NativeFunction.returningInt("memfd_create");
    private static final NativeFunction FTRUNCATE = NativeFunction.returningInt("ftruncate");
    private static final NativeFunction MMAP = NativeFunction.returningLong("mmap");
    private static final NativeFunction MUNMAP = NativeFunction.returningInt("munmap");
    private static final NativeFunction LSEEK = NativeFunction.returningLong("lseek");

    /** Receives bytes {@code from} … {@code to} of a file. */
    @FunctionalInterface
    public interface Extent {
        void accept(long from, long to);
    }

    private final int fd;
    private final boolean readOnly;
    private @Nullable Arena mapped;
    private @Nullable MemorySegment segment;

    private Memfd(int fd, boolean readOnly) {
        this.fd = fd;
        this.readOnly = readOnly;
    }

    /**
     * A new file of {@code size} zero bytes, none of which takes memory yet.
     *
     * @param name for people who look into /proc; not unique
     */
    public static Memfd create(String name, long size) throws LinuxException {
        Memfd memfd;
        try (Arena arena = Arena.ofConfined()) {
            long address = arena.allocateFrom(name).address();
            memfd = new Memfd((int) MEMFD_CREATE.call(name, address, MFD_CLOEXEC | MFD_ALLOW_SEALING), false);
        }
        try {
            FTRUNCATE.restart(name, memfd.fd, size);
            return memfd;
        } catch (LinuxException e) {
            memfd.close();
            throw e;
        }
    }

    /**
     * The file {@code identity} among the descriptors of {@code pid}, opened anew; empty when no descriptor of that
     * process is this file, or the process is gone. A descriptor is looked at without opening what it stands for, so
     * neither a FIFO nor a device can delay or be disturbed.
     *
     * @throws IOException when the process may not be looked at
     */
    public static Optional<Memfd> reopen(int pid, FileIdentity identity) throws IOException {
        for (int number : Procfs.fds(pid)) {
            Optional<Memfd> found = opened(
                    pid,
                    number,
                    stat -> stat.dev() == identity.dev()
                            && stat.ino() == identity.ino()
                            && stat.size() == identity.size(),
                    memfd -> memfd.identity().equals(identity),
                    false);
            if (found.isPresent()) {
                return found;
            }
        }
        return Optional.empty();
    }

    /**
     * The file that {@code pid} has open as its descriptor {@code number}, opened anew, only to be looked at; empty when
     * there is no such descriptor any more, or it is no file whose size is fixed by {@link #seal}: to read another's
     * mapping could fault.
     *
     * @throws IOException when the process may not be looked at
     */
    public static Optional<Memfd> openToRead(int pid, int number) throws IOException {
        return opened(pid, number, _ -> true, Memfd::cannotShrink, true);
    }

    private boolean cannotShrink() throws LinuxException {
        try {
            return (identity().seals() & F_SEAL_SHRINK) != 0;
        } catch (LinuxException e) {
            if (e.errno() == Errno.EINVAL) {
                // On a disk, where there are no seals.
                return false;
            }
            throw e;
        }
    }

    /** Whether it is the file that is looked for. */
    @FunctionalInterface
    private interface Match {
        boolean test(Memfd memfd) throws LinuxException;
    }

    /** Holds what a descriptor of the process stands for without opening it; empty when it is closed. */
    private static OptionalInt look(int pid, int number) throws LinuxException {
        try {
            return OptionalInt.of(Fd.open("/proc/" + pid + "/fd/" + number, Fd.O_PATH | Fd.O_CLOEXEC));
        } catch (LinuxException e) {
            return switch (e.errno()) {
                case Errno.ENOENT, Errno.ESRCH -> OptionalInt.empty();
                case Errno.EACCES -> ForeignProcess.borrow(pid, number);
                default -> throw e;
            };
        }
    }

    private static Optional<Memfd> opened(int pid, int number, Predicate<Fd.Stat> before, Match after, boolean readOnly)
            throws LinuxException {
        OptionalInt held = look(pid, number);
        if (held.isEmpty()) {
            return Optional.empty();
        }
        int looking = held.getAsInt();
        try {
            // From here the file is held: what the other process does to its descriptor changes nothing.
            Fd.Stat stat = Fd.stat(looking);
            if (!stat.isRegularFile() || !before.test(stat)) {
                return Optional.empty();
            }
            int flags = (readOnly ? Fd.O_RDONLY : Fd.O_RDWR) | Fd.O_NONBLOCK | Fd.O_NOCTTY | Fd.O_CLOEXEC;
            Memfd found = new Memfd(Fd.open("/proc/self/fd/" + looking, flags), readOnly);
            boolean right = false;
            try {
                right = after.test(found);
                return right ? Optional.of(found) : Optional.empty();
            } finally {
                if (!right) {
                    found.close();
                }
            }
        } finally {
            Fd.close(looking);
        }
    }

    /** The same file by a descriptor of its own, mapped and closed on its own. */
    public Memfd duplicate() throws LinuxException {
        return new Memfd(Fd.fcntl(fd, F_DUPFD_CLOEXEC, 0), readOnly);
    }

    /** Fixes the size for ever, for everybody: nobody can make an access to a mapping fault. Writing stays allowed. */
    public void seal() throws LinuxException {
        Fd.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    }

    public FileIdentity identity() throws LinuxException {
        Fd.Stat stat = Fd.stat(fd);
        return new FileIdentity(stat.dev(), stat.ino(), stat.size(), Fd.fcntl(fd, F_GET_SEALS, 0));
    }

    /** The descriptor's number, valid until {@link #close()}. */
    public int fd() {
        return fd;
    }

    /**
     * The whole file, shared, readable, and writable unless it was opened to be read; the same segment until
     * {@link #unmap()}. Seal the file before.
     */
    @SuppressWarnings("MustBeClosed") // unmap() and close() do
    public MemorySegment map() throws LinuxException {
        if (segment != null) {
            return segment;
        }
        long size = Fd.stat(fd).size();
        long address = MMAP.call(fd, 0, size, readOnly ? PROT_READ : PROT_READ_WRITE, MAP_SHARED, fd, 0);
        Arena arena = Arena.ofShared();
        mapped = arena;
        MemorySegment whole = MemorySegment.ofAddress(address).reinterpret(size, arena, Memfd::munmap);
        segment = readOnly ? whole.asReadOnly() : whole;
        return segment;
    }

    private static void munmap(MemorySegment segment) {
        try {
            MUNMAP.call(segment, segment.address(), segment.byteSize());
        } catch (LinuxException e) {
            throw new IllegalStateException("a mapping of ours could not be undone", e);
        }
    }

    /** Ends the mapping, if there is one: an access to its segment is an IllegalStateException from now on. */
    public void unmap() {
        if (mapped != null) {
            mapped.close();
            mapped = null;
            segment = null;
        }
    }

    /**
     * The parts of the file that have memory. Reading only there keeps a sparse file sparse, whatever the other process
     * says it contains.
     */
    public void forEachExtent(Extent visitor) throws LinuxException {
        long at = 0;
        while (true) {
            long from = seek(at, SEEK_DATA);
            if (from < 0) {
                return;
            }
            long to = seek(from, SEEK_HOLE);
            if (to < 0) {
                return;
            }
            visitor.accept(from, to);
            at = to;
        }
    }

    /** −1 when there is nothing more. */
    private long seek(long offset, int whence) throws LinuxException {
        try {
            return LSEEK.call(fd, fd, offset, whence);
        } catch (LinuxException e) {
            if (e.errno() == Errno.ENXIO) {
                return -1;
            }
            throw e;
        }
    }

    /** Ends the mapping and closes the descriptor. */
    @Override
    public void close() throws LinuxException {
        unmap();
        Fd.close(fd);
    }

    @Override
    public String toString() {
        return "Memfd[fd=" + fd + "]";
    }
}
