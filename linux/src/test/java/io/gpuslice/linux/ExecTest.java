// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A program started through a JVM must see what it sees when it is started without one. */
class ExecTest {
    private static final String JVM = Child.EXEC_MAIN + " io.gpuslice.linux.ExecMain ";

    @TempDir
    Path directory = Path.of("");

    @Test
    void theProgramHasThePidOfTheJvmAndItsOwnExitCode() throws Exception {
        Child.Result result = Child.run("exec " + JVM + "/bin/sh -c 'echo $$; exit 42'");

        assertThat(result.text()).isEqualTo(Long.toString(result.pid()));
        assertThat(result.exitCode()).isEqualTo(42);
    }

    @Test
    void aSignalThatKillsTheProgramKillsTheProcess() throws Exception {
        assertThat(Child.run("exec " + JVM + "/bin/sh -c 'kill -TERM $$'").exitCode())
                .isEqualTo(128 + 15);
    }

    @Test
    void blockedSignalsAreThoseThatWereBlockedBefore() throws Exception {
        String report = "/bin/grep SigBlk /proc/self/status";
        for (String wrapper : new String[] {"", "env --block-signal=USR1,TERM "}) {
            assertSame("exec " + wrapper, report);
        }
        assertThat(Child.run("exec env --block-signal=USR1 " + JVM + report).text())
                .endsWith("0000000000000200");
    }

    @Test
    void signalsIgnoredBeforeAreIgnoredAgain() throws Exception {
        String report = "/bin/sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status";
        String ignoring = "trap '' PIPE QUIT USR2 HUP INT TERM; exec ";
        String told = Child.EXEC_MAIN + " -Dignored=$(" + report + ") io.gpuslice.linux.ExecMain ";

        long without = ignored(Child.run(ignoring + report));
        assertThat(without & 0xffff).isEqualTo(0x5807);
        assertThat(ignored(Child.run(ignoring + told + report))).isEqualTo(without);
        assertThat(ignored(Child.run(ignoring + JVM + report)))
                .as("the JVM does forget some, so the line above shows something")
                .isNotEqualTo(without);
    }

    /** Without 32 and 33, which are the C library's own. */
    private static long ignored(Child.Result result) {
        return Long.parseUnsignedLong(result.text(), 16) & ~0x180000000L;
    }

    @Test
    void theLimitOfDescriptorsIsTheOneFromBefore() throws Exception {
        String report = "/bin/grep 'Max open files' /proc/self/limits";
        String limited = "ulimit -Sn 300; exec ";
        Child.Result without = Child.run(limited + report);
        Child.Result told = Child.run(limited + Child.EXEC_MAIN + " -Dsoft=300 io.gpuslice.linux.ExecMain " + report);
        Child.Result untouched =
                Child.run(limited + Child.EXEC_MAIN + " -XX:-MaxFDLimit io.gpuslice.linux.ExecMain " + report);

        assertThat(without.text()).matches("Max open files +300 .*");
        assertThat(told.text()).isEqualTo(without.text());
        assertThat(untouched.text()).isEqualTo(without.text());
        assertThat(Child.run(limited + JVM + report).text())
                .as("the JVM does raise it, so the two above show something")
                .isNotEqualTo(without.text());
    }

    @Test
    void descriptorsHandedInAreHandedOnAndTheJvmsOwnAreNot() throws Exception {
        String setting = "exec 7</etc/passwd 8</dev/urandom 9>/dev/null 5<>\"$FIFO\"; exec ";
        Path fifo = directory.resolve("fifo");
        assertThat(Child.run("mkfifo \"$1\"", fifo.toString()).exitCode()).isZero();
        String report = "/bin/sh -c 'for fd in /proc/$$/fd/*; do echo \"${fd##*/} $(readlink \"$fd\")\"; done'";

        Child.Result without = Child.run(setting.replace("$FIFO", fifo.toString()) + report);
        Child.Result with = Child.run(setting.replace("$FIFO", fifo.toString()) + JVM + report);

        assertThat(without.text()).contains("5 " + fifo, "7 /etc/passwd", "8 /dev/urandom", "9 /dev/null");
        assertThat(withoutInodes(with)).isEqualTo(withoutInodes(without));
        assertThat(Child.run("exec 7</etc/passwd; exec " + JVM + "/bin/sh -c 'head -c 4 <&7'")
                        .text())
                .isEqualTo("root");
    }

    /** Every run has pipes of its own. */
    private static String withoutInodes(Child.Result result) {
        return result.text().replaceAll(":\\[[0-9]+\\]", "");
    }

    @Test
    void argumentsAndEnvironmentKeepTheirBytes() throws Exception {
        String odd = "\"$(printf 'a\\377\\376b')\" '' ' ' \"$(printf 'line\\nfeed')\" 'ä€'";
        String setting = "exec env \"ODD=$(printf '\\351')\" nonsense== ";
        assertSame(setting, "/bin/sh -c 'cat /proc/$$/cmdline; exit 0' " + odd);
        assertSame(setting, "/bin/cat /proc/self/environ");
        Child.Result result = Child.run("exec " + JVM + "/usr/bin/printf %s \"$(printf 'a\\377\\376b')\"");
        assertThat(result.output()).isEqualTo("a\u00ff\u00feb");
    }

    @Test
    void theDirectoryAndTheUmaskStay() throws Exception {
        assertSame("umask 0135; cd /usr/lib; exec ", "/bin/sh -c 'umask; pwd'");
    }

    @Test
    void aProgramThatCannotBeRunIsAnExceptionWithTheReason() throws Exception {
        Child.Result missing = Child.run("exec " + JVM + "/no/such/program");
        assertThat(missing.text()).isEqualTo("execve /no/such/program: No such file or directory");
        assertThat(missing.exitCode()).isEqualTo(127);

        Child.Result notExecutable = Child.run("exec " + JVM + "/etc/passwd");
        assertThat(notExecutable.text()).isEqualTo("execve /etc/passwd: Permission denied");
        assertThat(notExecutable.exitCode()).isEqualTo(126);
    }

    private static void assertSame(String setting, String program) throws IOException, InterruptedException {
        Child.Result without = Child.run(setting + program);
        Child.Result with = Child.run(setting + JVM + program);

        assertThat(without.exitCode()).as(without.text()).isZero();
        assertThat(without.text()).isNotEmpty();
        assertThat(with.text()).isEqualTo(without.text());
        assertThat(with.exitCode()).isZero();
    }
}
