// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * Replaces this JVM by another program, which finds the process as the JVM itself was given it: pid, terminal, signal
 * mask and ignored signals, descriptors, limits, and the bytes of arguments and environment.
 *
 * <p>What the JVM leaves alone needs no care: umask, directory, niceness, and signals with a handler (the kernel resets
 * those). What it overwrites at its start and forgets whoever started it has to say: {@link Origin}.
 */
public final class Exec {
    private Exec() {}

    private static final int SIG_SETMASK = 2;
    private static final int SIGSET_SIZE = 128;

    private static final int SIG_IGN = 1;
    private static final int SIGNALS = 64;
    /** ILL, BUS, FPE, SEGV: other threads of the JVM still need their handlers, and ignoring them means nothing. */
    private static final long FAULTS = bit(4) | bit(7) | bit(8) | bit(11);
    /** The C library keeps these two to itself and lets nobody set them. */
    private static final long INTERNAL = bit(32) | bit(33);

    private static final int RLIMIT_NOFILE = 7;

    private static final NativeFunction EXECVE = NativeFunction.returningInt("execve");
    private static final NativeFunction SIGMASK = NativeFunction.returningInt("pthread_sigmask");
    private static final NativeFunction SIGNAL = NativeFunction.returningLong("signal");
    private static final NativeFunction GETRLIMIT = NativeFunction.returningInt("getrlimit");
    private static final NativeFunction SETRLIMIT = NativeFunction.returningInt("setrlimit");

    /**
     * What was so before the JVM started.
     *
     * @param ignoredSignals bit n−1 for signal n, as SigIgn in /proc/self/status; 0 when it is not known
     * @param softDescriptors soft RLIMIT_NOFILE; −1 when it is not known or, by -XX:-MaxFDLimit, not changed
     * @param closedStreams bit n for each of the descriptors 0, 1 and 2 that was closed, and whose place something else
     *     holds now
     */
    public record Origin(long ignoredSignals, long softDescriptors, int closedStreams) {
        public static final Origin UNKNOWN = new Origin(0, -1, 0);
    }

    /** The last {@code count} arguments that this process was started with, byte for byte, where main() has Strings. */
    public static List<byte[]> arguments(int count) throws IOException {
        List<byte[]> all = Procfs.cmdline(self());
        return all.subList(all.size() - count, all.size());
    }

    /** The environment that this process was started with, byte for byte. */
    public static List<byte[]> environment() throws IOException {
        return Procfs.environ(self());
    }

    /**
     * Becomes the program; returns only by an exception. Shutdown hooks do not run and nothing is flushed.
     *
     * @param path of the program; not searched for
     * @param arguments the program's name first
     * @throws LinuxException when the kernel refuses, such as ENOENT, EACCES or ENOEXEC
     */
    public static void replace(byte[] path, List<byte[]> arguments, List<byte[]> environment, Origin origin)
            throws IOException {
        OwnDescriptors.closeOnExec();
        closeOnExec(origin.closedStreams());
        if (origin.softDescriptors() >= 0) {
            restoreDescriptorLimit(origin.softDescriptors());
        }
        ignoreSignals(origin.ignoredSignals() & ~(FAULTS | INTERNAL));
        restoreSignalMask();
        try (Arena arena = Arena.ofConfined()) {
            EXECVE.call(
                    Fd.text(path),
                    NativeFunction.cString(arena, path),
                    vector(arena, arguments),
                    vector(arena, environment));
        }
    }

    private static void closeOnExec(int streams) throws LinuxException {
        for (int stream = 0; stream <= 2; stream++) {
            if ((streams & 1 << stream) != 0) {
                Fd.closeOnExec(stream);
            }
        }
    }

    private static void restoreDescriptorLimit(long soft) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer limit = NativeFunction.struct(arena, 2 * Long.BYTES);
            GETRLIMIT.call("RLIMIT_NOFILE", RLIMIT_NOFILE, NativeFunction.address(limit));
            SETRLIMIT.call("RLIMIT_NOFILE", RLIMIT_NOFILE, NativeFunction.address(limit.putLong(0, soft)));
        }
    }

    private static void ignoreSignals(long signals) throws LinuxException {
        for (int signal = 1; signal <= SIGNALS; signal++) {
            if ((signals & bit(signal)) != 0) {
                SIGNAL.call(signal, signal, SIG_IGN);
            }
        }
    }

    private static long bit(int signal) {
        return 1L << (signal - 1);
    }

    /**
     * The JVM blocks and unblocks signals in threads of its own making; the thread that the process was born with has
     * kept the mask it was given. (The launcher runs main() in another one.)
     */
    private static void restoreSignalMask() throws IOException {
        String status = Procfs.threadStatus(self(), self());
        long blocked = status.lines()
                .filter(line -> line.startsWith("SigBlk:"))
                .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
                .findFirst()
                .orElseThrow(() -> new IOException("/proc/self/status has no SigBlk: is this Linux's /proc?"));
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer set = NativeFunction.struct(arena, SIGSET_SIZE).putLong(0, blocked);
            int failed = (int) SIGMASK.result(SIG_SETMASK, NativeFunction.address(set), 0);
            if (failed != 0) {
                throw new LinuxException("pthread_sigmask", failed);
            }
        }
    }

    private static long vector(Arena arena, List<byte[]> strings) {
        ByteBuffer vector = NativeFunction.struct(arena, (strings.size() + 1) * Long.BYTES);
        for (int i = 0; i < strings.size(); i++) {
            vector.putLong(i * Long.BYTES, NativeFunction.cString(arena, strings.get(i)));
        }
        return NativeFunction.address(vector);
    }

    private static int self() {
        return (int) ProcessHandle.current().pid();
    }
}
