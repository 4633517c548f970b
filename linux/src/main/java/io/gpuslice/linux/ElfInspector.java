// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import io.gpuslice.linux.Inspection.Enforceable;
import io.gpuslice.linux.Inspection.Reason;
import io.gpuslice.linux.Inspection.Unenforceable;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Tells before a program is run whether the interposer will get into it, following {@code #!} as the kernel does. Nothing
 * of the program is executed; a hostile file costs a few reads.
 */
public final class ElfInspector {
    private ElfInspector() {}

    /** How often the kernel follows {@code #!} before it gives up. */
    private static final int DEEPEST_SCRIPT = 5;

    private static final int S_ISUID = 04000;
    private static final int S_ISGID = 02000;
    private static final int GROUP_EXECUTE = 010;

    private static final NativeFunction GETXATTR = NativeFunction.returningLong("fgetxattr");

    /** Looks at the program {@code path}, which is not searched for. */
    public static Inspection inspect(byte[] path) {
        byte[] program = path;
        try {
            for (int depth = 0; depth <= DEEPEST_SCRIPT; depth++) {
                // Without waiting: it might be a FIFO.
                int fd = Fd.open(program, Fd.O_RDONLY | Fd.O_NONBLOCK | Fd.O_NOCTTY | Fd.O_CLOEXEC, 0);
                try {
                    if (!Fd.stat(fd).isRegularFile()) {
                        return refuse(Reason.NOT_A_PROGRAM, program, "it is not a regular file");
                    }
                    byte[] head = Fd.read(fd, 0, Shebang.LONGEST_LINE);
                    Optional<byte[]> interpreter = Shebang.interpreter(head);
                    if (interpreter.isEmpty()) {
                        return inspectElf(program, fd, head);
                    }
                    program = interpreter.get();
                } finally {
                    Fd.close(fd);
                }
            }
            return refuse(
                    Reason.NOT_A_PROGRAM, path, "more than " + DEEPEST_SCRIPT + " scripts that name each other in #!");
        } catch (LinuxException e) {
            return refuse(Reason.NOT_A_PROGRAM, program, "it cannot be looked at (" + e.getMessage() + ")");
        }
    }

    private static Inspection inspectElf(byte[] path, int fd, byte[] head) throws LinuxException {
        if (!Elf.isElf(head)) {
            return refuse(Reason.NOT_A_PROGRAM, path, "it is neither ELF nor a script that begins with #!");
        }
        Elf elf;
        Elf own;
        try {
            elf = Elf.parse((offset, size) -> Fd.read(fd, offset, size));
            own = own();
        } catch (Elf.MalformedException e) {
            return refuse(Reason.MALFORMED, path, String.valueOf(e.getMessage()));
        }
        if (elf.bits() != own.bits() || elf.machine() != own.machine()) {
            return refuse(
                    Reason.FOREIGN, path, "it is for " + machine(elf) + ", and libgpuslice.so is for " + machine(own));
        }
        if (elf.loader().isEmpty()) {
            return refuse(
                    Reason.STATIC,
                    path,
                    "it is statically linked: no dynamic loader runs that could load libgpuslice.so");
        }
        Optional<String> privilege = privilege(fd);
        if (privilege.isPresent()) {
            return refuse(
                    Reason.PRIVILEGED,
                    path,
                    "it " + privilege.get() + ": for such programs the dynamic loader ignores LD_PRELOAD");
        }
        String loader = elf.loader().get();
        if (!isGlibc(loader)) {
            return refuse(
                    Reason.FOREIGN_LOADER,
                    path,
                    "its dynamic loader is " + loader + ", and libgpuslice.so needs glibc's");
        }
        return new Enforceable(loader);
    }

    /** What this JVM is, the interposer beside it is too. */
    private static Elf own() throws LinuxException, Elf.MalformedException {
        int fd = Fd.open("/proc/self/exe", Fd.O_RDONLY | Fd.O_CLOEXEC);
        try {
            return Elf.parse((offset, size) -> Fd.read(fd, offset, size));
        } finally {
            Fd.close(fd);
        }
    }

    private static Optional<String> privilege(int fd) throws LinuxException {
        Fd.Stat stat = Fd.stat(fd);
        if ((stat.mode() & S_ISUID) != 0) {
            return Optional.of("is setuid (uid " + stat.uid() + ")");
        }
        // Without the execute bit, setgid once meant mandatory locking and grants nothing.
        if ((stat.mode() & S_ISGID) != 0 && (stat.mode() & GROUP_EXECUTE) != 0) {
            return Optional.of("is setgid (gid " + stat.gid() + ")");
        }
        return hasCapabilities(fd) ? Optional.of("has file capabilities") : Optional.empty();
    }

    private static boolean hasCapabilities(int fd) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            // With no room for the value it tells the value's size.
            GETXATTR.call(fd, fd, arena.allocateFrom("security.capability").address(), 0, 0);
            return true;
        } catch (LinuxException e) {
            if (e.errno() == Errno.ENODATA || e.errno() == Errno.EOPNOTSUPP) {
                return false;
            }
            throw e;
        }
    }

    /** glibc's loaders are ld-linux-x86-64.so.2, ld-linux-aarch64.so.1, ld64.so.2 …, wherever they lie; musl's are ld-musl-*. */
    private static boolean isGlibc(String loader) {
        String name = loader.substring(loader.lastIndexOf('/') + 1);
        return name.startsWith("ld-linux") || name.startsWith("ld64.so");
    }

    private static String machine(Elf elf) {
        String name = switch (elf.machine()) {
            case 3 -> "x86";
            case 40 -> "ARM";
            case 21 -> "POWER";
            case 62 -> "x86-64";
            case 183 -> "aarch64";
            case 243 -> "RISC-V";
            default -> "machine " + elf.machine();
        };
        return name + " (" + elf.bits() + " bits)";
    }

    private static Unenforceable refuse(Reason reason, byte[] path, String why) {
        return new Unenforceable(reason, new String(path, StandardCharsets.UTF_8) + ": " + why);
    }
}
