// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.state;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/** What becomes of a file on a bad disk. */
enum Mutation {
    FLIPPED_BIT {
        @Override
        byte[] of(byte[] bytes, RandomGenerator random) {
            byte[] other = bytes.clone();
            other[random.nextInt(other.length)] ^= (byte) (1 << random.nextInt(Byte.SIZE));
            return other;
        }
    },
    WRONG_BYTES {
        @Override
        byte[] of(byte[] bytes, RandomGenerator random) {
            byte[] other = bytes.clone();
            int at = random.nextInt(other.length);
            for (int i = at; i < Math.min(at + 1 + random.nextInt(64), other.length); i++) {
                other[i] = (byte) random.nextInt();
            }
            return other;
        }
    },
    CUT_OFF {
        @Override
        byte[] of(byte[] bytes, RandomGenerator random) {
            return Arrays.copyOf(bytes, random.nextInt(used(bytes)));
        }
    },
    TORN_END {
        @Override
        byte[] of(byte[] bytes, RandomGenerator random) {
            byte[] other = bytes.clone();
            int used = used(bytes);
            Arrays.fill(other, Math.max(0, used - 1 - random.nextInt(200)), used, (byte) 0);
            return other;
        }
    },
    ZEROED_BLOCK {
        @Override
        byte[] of(byte[] bytes, RandomGenerator random) {
            byte[] other = bytes.clone();
            int at = random.nextInt(used(bytes)) / BLOCK * BLOCK;
            Arrays.fill(other, at, Math.min(at + BLOCK, other.length), (byte) 0);
            return other;
        }
    },
    BLOCK_OF_ELSEWHERE {
        @Override
        byte[] of(byte[] bytes, RandomGenerator random) {
            byte[] other = bytes.clone();
            int size = Math.min(BLOCK, other.length);
            int from = random.nextInt(used(bytes));
            int to = random.nextInt(used(bytes));
            int most = Math.min(size, other.length - Math.max(from, to));
            System.arraycopy(bytes, from, other, to, most);
            return other;
        }
    },
    GONE {
        @Override
        byte[] of(byte[] bytes, RandomGenerator random) {
            return bytes;
        }

        @Override
        void apply(Path file, List<Path> others, RandomGenerator random) throws IOException {
            Files.delete(file);
        }
    },
    EXCHANGED {
        @Override
        byte[] of(byte[] bytes, RandomGenerator random) {
            return bytes;
        }

        @Override
        void apply(Path file, List<Path> others, RandomGenerator random) throws IOException {
            Path other = others.get(random.nextInt(others.size()));
            byte[] bytes = Files.readAllBytes(file);
            Files.write(file, Files.readAllBytes(other));
            Files.write(other, bytes);
        }
    };

    private static final int BLOCK = 512;

    abstract byte[] of(byte[] bytes, RandomGenerator random);

    /** Does it to the file. */
    void apply(Path file, List<Path> others, RandomGenerator random) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        if (bytes.length > 0) {
            Files.write(file, of(bytes, random));
        }
    }

    /** Bytes up to the last that is not zero, where anything is at stake; at least one. */
    static int used(byte[] bytes) {
        int used = bytes.length;
        while (used > 1 && bytes[used - 1] == 0) {
            used--;
        }
        return used;
    }
}
