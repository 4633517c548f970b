// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** What people, scripts and broken scripts type, and what they leave in an environment: from a seed. */
final class RandomWords {

    /** The kernel takes no longer argument. */
    private static final int LONGEST = (1 << 17) - 1;

    private final Random random;

    RandomWords(Random random) {
        this.random = random;
    }

    /** Arguments of {@code gpuslice}, a megabyte of them at times; none that waits for something. */
    List<String> command() {
        List<String> command = new ArrayList<>(
                switch (random.nextInt(10)) {
                    case 0 -> List.of("create", "--limit", word());
                    case 1 -> List.of("create", "--limit", "1GB", "--name", word(), "--ttl", word());
                    case 2 -> List.of("inspect", word());
                    case 3 -> List.of("rm", word(), word());
                    case 4 -> List.of("update", word(), "--limit", word());
                    case 5 -> List.of("run", "--limit", word(), "--", "true");
                    case 6 -> List.of("run", "--limit", "1GB", "--", word());
                    case 7 -> List.of("exec", word(), "--", "true");
                    case 8 -> List.of("ps", "--format", word());
                    default -> List.of(word(), word());
                });
        if (random.nextInt(6) == 0) {
            for (int i = 0; i < 8; i++) {
                command.add("x".repeat(LONGEST));
            }
        }
        return command;
    }

    private String word() {
        return oneOf(
                "8GB",
                "",
                " ",
                "0",
                "-1",
                "--",
                "-x",
                "8GB\n",
                "8 G B",
                "\uff18GB",
                "1e9",
                "0x10GB",
                "99999999999999999999T",
                "50%",
                "101%",
                "0=8GB,1=",
                "0=1GB,0=1GB",
                "GPU-nonsense=1GB",
                "../../etc/passwd",
                "%00",
                "' or 1=1 --",
                "\u001b[31mred",
                "\u202egnp",
                "\ud83d\ude00".repeat(1 + random.nextInt(40)),
                "9".repeat(1 + random.nextInt(5000)),
                "z".repeat(LONGEST),
                letters());
    }

    private String letters() {
        StringBuilder letters = new StringBuilder();
        for (int left = random.nextInt(80); left > 0; left--) {
            letters.appendCodePoint(random.nextBoolean() ? 33 + random.nextInt(94) : 0xa1 + random.nextInt(0xd000));
        }
        return letters.toString();
    }

    /** A shell's script that spoils one or two of the library's variables and becomes the program that it is given. */
    String environment() {
        StringBuilder script = new StringBuilder();
        for (int variables = 1 + random.nextInt(2); variables > 0; variables--) {
            String name = oneOf(
                    "GPUSLICE_SESSION",
                    "GPUSLICE_IPC_TOKEN",
                    "GPUSLICE_IPC_SOCK",
                    "GPUSLICE_IPC_WAIT",
                    "GPUSLICE_DEBUG",
                    "GPUSLICE_KEEP_ENV",
                    "GPUSLICE_COUNT_CONTEXT");
            script.append("export ")
                    .append(name)
                    .append("=\"$(")
                    .append(value())
                    .append(")\"; ");
        }
        return script + "exec \"$0\" \"$@\"";
    }

    /** A command that prints a value of any bytes, or of many. */
    private String value() {
        if (random.nextInt(4) == 0) {
            return "head -c " + random.nextInt(120_000) + " /dev/zero | tr '\\0' x";
        }
        StringBuilder bytes = new StringBuilder("printf '");
        for (int left = random.nextInt(200); left > 0; left--) {
            bytes.append(String.format("\\%03o", 1 + random.nextInt(255)));
        }
        return bytes.append('\'').toString();
    }

    private String oneOf(String... choices) {
        return choices[random.nextInt(choices.length)];
    }
}
