// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * What the headers of an ELF executable say. Reads at most {@link #MOST_PROGRAM_HEADERS} program headers and one path,
 * whatever the file claims.
 *
 * @param bits 32 or 64
 * @param machine e_machine, such as 62 for x86-64
 * @param loader the PT_INTERP path; empty for a statically linked program (and looked for only in 64-bit files)
 */
record Elf(int bits, int machine, Optional<String> loader) {

    /** Bytes of a file; fewer than asked for where it ends. */
    @FunctionalInterface
    interface Source {
        byte[] read(long offset, int size) throws LinuxException;
    }

    /** The headers contradict each other or the file. */
    static final class MalformedException extends Exception {
        private static final long serialVersionUID = 1L;

        MalformedException(String message) {
            super(message);
        }
    }

    private static final int HEADER_SIZE = 64;
    private static final int HEADER_SIZE_32 = 52;
    private static final int PROGRAM_HEADER_SIZE = 56;
    /** The kernel takes 64 KiB of them at most. */
    private static final int MOST_PROGRAM_HEADERS = 65536 / PROGRAM_HEADER_SIZE;

    private static final int LONGEST_PATH = 4096;
    private static final int CLASS_32 = 1;
    private static final int CLASS_64 = 2;
    private static final int LITTLE_ENDIAN = 1;
    private static final int ET_EXEC = 2;
    private static final int ET_DYN = 3;
    private static final int PT_INTERP = 3;

    static boolean isElf(byte[] head) {
        return head.length >= 4 && head[0] == 0x7f && head[1] == 'E' && head[2] == 'L' && head[3] == 'F';
    }

    static Elf parse(Source source) throws LinuxException, MalformedException {
        byte[] bytes = source.read(0, HEADER_SIZE);
        if (!isElf(bytes) || bytes.length < HEADER_SIZE_32) {
            throw new MalformedException("its ELF header is cut off after " + bytes.length + " bytes");
        }
        int bits = bytes[4] == CLASS_64 ? 64 : bytes[4] == CLASS_32 ? 32 : 0;
        if (bits == 0) {
            throw new MalformedException("its ELF class " + bytes[4] + " does not exist");
        }
        ByteBuffer header = ByteBuffer.wrap(bytes)
                .order(bytes[5] == LITTLE_ENDIAN ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        int type = Short.toUnsignedInt(header.getShort(16));
        if (type != ET_EXEC && type != ET_DYN) {
            throw new MalformedException("it is ELF of type " + type + ", which is no executable");
        }
        int machine = Short.toUnsignedInt(header.getShort(18));
        if (bits == 32 || header.order() == ByteOrder.BIG_ENDIAN) {
            return new Elf(bits, machine, Optional.empty());
        }
        if (bytes.length < HEADER_SIZE) {
            throw new MalformedException("its ELF header is cut off after " + bytes.length + " bytes");
        }
        return new Elf(bits, machine, loader(source, header));
    }

    private static Optional<String> loader(Source source, ByteBuffer header) throws LinuxException, MalformedException {
        long offset = header.getLong(32);
        int size = Short.toUnsignedInt(header.getShort(54));
        int count = Short.toUnsignedInt(header.getShort(56));
        if (size != PROGRAM_HEADER_SIZE || count < 1 || count > MOST_PROGRAM_HEADERS || offset < HEADER_SIZE) {
            throw new MalformedException(
                    "its " + count + " program headers of " + size + " bytes at " + offset + " make no sense");
        }
        ByteBuffer table = ByteBuffer.wrap(read(source, offset, count * size, "program headers"))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < count * size; at += size) {
            if (table.getInt(at) == PT_INTERP) {
                return Optional.of(path(source, table.getLong(at + 8), table.getLong(at + 32)));
            }
        }
        return Optional.empty();
    }

    private static String path(Source source, long offset, long size) throws LinuxException, MalformedException {
        if (size < 2 || size > LONGEST_PATH) {
            throw new MalformedException(
                    "its loader's path of " + Long.toUnsignedString(size) + " bytes makes no sense");
        }
        byte[] path = read(source, offset, (int) size, "loader's path");
        if (path[path.length - 1] != 0) {
            throw new MalformedException("its loader's path is not closed by a NUL");
        }
        int end = 0;
        while (path[end] != 0) {
            end++;
        }
        return new String(path, 0, end, StandardCharsets.UTF_8);
    }

    private static byte[] read(Source source, long offset, int size, String what)
            throws LinuxException, MalformedException {
        if (offset < 0 || offset > Long.MAX_VALUE - size) {
            throw new MalformedException("its " + what + " at " + Long.toUnsignedString(offset) + " cannot be");
        }
        byte[] bytes = source.read(offset, size);
        if (bytes.length < size) {
            throw new MalformedException("its " + what + " lie behind the end of the file");
        }
        return bytes;
    }
}
