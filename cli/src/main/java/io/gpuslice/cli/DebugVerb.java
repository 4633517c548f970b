// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.linux.Memfd;
import io.gpuslice.linux.ProcessStat;
import io.gpuslice.linux.Procfs;
import io.gpuslice.wire.Abi;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** {@code debug page}: what a process's ledger page says, read without the daemon, and without a trace in either. */
final class DebugVerb {
    /** The only thing there is to look at. */
    static final String PAGE = "page";

    /** Most allocations that are shown: what is kept of the table has to fit beside Java's own. */
    static final int MOST = 65_536;

    static final int USUAL = 10;

    /** What /proc calls the descriptors of pages; the image id comes behind it. */
    private static final String NAME = "/memfd:gpuslice-";

    private static final String SESSION = "GPUSLICE_SESSION=";

    private final Context context;

    DebugVerb(Context context) {
        this.context = context;
    }

    /** @param top allocations to show; none: as many as can be */
    int page(String what, String typedPid, OptionalInt top, OutputOptions output) throws Failure {
        if (!what.equals(PAGE)) {
            throw new Failure(
                    Failure.Kind.USAGE, "there is no \"" + what + "\" to look at", "gpuslice debug " + PAGE + " PID");
        }
        int pid = pid(typedPid);
        String command = alive(pid).command();
        List<LedgerPage> pages = pages(pid, top.orElse(MOST));
        if (pages.isEmpty()) {
            throw none(pid, command);
        }
        if (output.json()) {
            Map<String, @Nullable Object> json = new LinkedHashMap<>();
            json.put("pid", pid);
            json.put("command", command);
            json.put(
                    "pages",
                    pages.stream().map(page -> PageText.json(page, pid)).toList());
            context.out().println(Json.pretty(new Json(json)));
        } else {
            context.out().println("process " + pid + " (" + Table.harmless(command) + ")");
            pages.forEach(page -> context.out().print("\n" + PageText.sections(page, pid)));
        }
        if (!output.quiet()) {
            context.say("read while the process went on: each number was true at some instant, no two need be of one");
        }
        return pages.stream().allMatch(LedgerPage::isReadable) ? ExitCode.DONE : ExitCode.FAILED;
    }

    /**
     * How many are wanted.
     *
     * @return none: all
     */
    static OptionalInt top(Optional<String> typed, boolean all) throws Failure {
        if (all && typed.isPresent()) {
            throw new Failure(Failure.Kind.USAGE, "--top and --all at once", "give one of them");
        }
        if (all) {
            return OptionalInt.empty();
        }
        try {
            int top = typed.isEmpty() ? USUAL : Integer.parseInt(typed.get());
            if (top >= 0 && top <= MOST) {
                return OptionalInt.of(top);
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new Failure(
                Failure.Kind.USAGE,
                "--top \"" + typed.orElse("") + "\" is not a number from 0 to " + MOST,
                "the largest allocations are shown, " + USUAL + " unless told otherwise");
    }

    private static int pid(String typed) throws Failure {
        try {
            int pid = Integer.parseInt(typed);
            if (pid > 0) {
                return pid;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new Failure(
                Failure.Kind.USAGE,
                "\"" + typed + "\" is not a process id",
                "a number above 0; `gpuslice inspect SESSION` lists those of a session");
    }

    private ProcessStat alive(int pid) throws Failure {
        try {
            ProcessStat stat = Procfs.stat(pid)
                    .orElseThrow(() -> new Failure(
                            "there is no process " + pid, "`gpuslice inspect SESSION` lists those of a session"));
            if (stat.isDead()) {
                throw new Failure(
                        "process " + pid + " (" + stat.command() + ") has ended and its parent has not noticed",
                        "its page went with it");
            }
            return stat;
        } catch (IOException e) {
            throw notAllowed(pid, e);
        }
    }

    /** All that the process has open: more than one where it was given another, or a page of its parent's. */
    private List<LedgerPage> pages(int pid, int most) throws Failure {
        List<LedgerPage> pages = new ArrayList<>();
        try {
            for (Map.Entry<Integer, String> descriptor : Procfs.descriptors(pid).entrySet()) {
                if (descriptor.getValue().startsWith(NAME)) {
                    page(pid, descriptor.getKey(), descriptor.getValue(), most).ifPresent(pages::add);
                }
            }
            return pages;
        } catch (IOException e) {
            throw notAllowed(pid, e);
        }
    }

    private Optional<LedgerPage> page(int pid, int descriptor, String name, int most) throws IOException {
        try (Memfd memfd = Memfd.openToRead(pid, descriptor).orElse(null)) {
            if (memfd == null || memfd.identity().size() < Abi.PageHeader.SIZEOF) {
                context.say("descriptor " + descriptor + " is called " + name
                        + ", but is no file of a fixed size: no ledger page");
                return Optional.empty();
            }
            return Optional.of(LedgerPage.read(memfd, descriptor, name, most));
        }
    }

    private Failure notAllowed(int pid, IOException because) throws Failure {
        int uid = context.locations().uid();
        String owner;
        try {
            owner = "uid " + Files.getAttribute(Path.of("/proc/" + pid), "unix:uid") + "'s";
        } catch (IOException e) {
            return new Failure("process " + pid + " has just ended", "its page went with it");
        }
        return new Failure(
                "you (uid " + uid + ") may not look into process " + pid + ", which is " + owner + ": "
                        + because.getMessage(),
                "ask as that user, or as root");
    }

    /** Why there is no page. */
    private Failure none(int pid, String command) throws Failure {
        String who = "process " + pid + " (" + command + ")";
        try {
            if (Procfs.mapped(pid).stream().anyMatch(name -> name.startsWith(NAME))) {
                return new Failure(
                        who + " has closed the descriptor of its ledger page: it uses the page, but nobody can find it",
                        "`gpuslice inspect` shows what the daemon knows; a program must leave descriptors alone that it"
                                + " did not open");
            }
            Optional<String> session = Procfs.environ(pid).stream()
                    .map(entry -> new String(entry, StandardCharsets.UTF_8))
                    .filter(entry -> entry.startsWith(SESSION))
                    .map(entry -> entry.substring(SESSION.length()))
                    .findFirst();
            return session.isPresent()
                    ? new Failure(
                            who + " is in session " + session.get() + ", and has no ledger page: it has not used CUDA"
                                    + " yet, has not reached a daemon, or is past the library",
                            "`gpuslice inspect " + session.get() + "` shows what the daemon knows of it")
                    : new Failure(
                            who
                                    + " is not limited by gpuslice: it has no ledger page, and was started without a session",
                            "`gpuslice run` starts a program with a limit; `gpuslice inspect SESSION` lists processes"
                                    + " that have one");
        } catch (IOException e) {
            throw notAllowed(pid, e);
        }
    }
}
