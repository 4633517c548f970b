// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.linux.FileIdentity;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.PageLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** What in a ledger page cannot be, or should not last: a sentence each, with the numbers. */
final class PageProblems {
    private PageProblems() {}

    /** @param pid of the process that the page was found in */
    static List<String> of(LedgerPage page, int pid) {
        List<String> problems = new ArrayList<>();
        if (!page.isReadable()) {
            problems.add(unreadable(page));
            return problems;
        }
        header(page, pid, problems);
        for (LedgerPage.Device device : page.devices()) {
            device(device, page.header().deviceCount(), problems);
        }
        return problems;
    }

    private static String unreadable(LedgerPage page) {
        PageLayout.Header header = page.header();
        if (!page.isReady()) {
            return "it begins with " + HexFormat.of().toHexDigits(header.magic()) + ", not with "
                    + HexFormat.of().toHexDigits(Abi.PAGE_MAGIC) + ": no ledger page, or one that was written over";
        }
        if (header.version() >>> 8 != Abi.ABI_MAJOR) {
            return "it is of version " + version(header) + ", this gpuslice reads " + Abi.ABI_MAJOR
                    + ".x: use the gpuslice of the release that the program was started with";
        }
        return "it has " + page.file().size() + " bytes, a page has " + Abi.PAGE_SIZE;
    }

    private static void header(LedgerPage page, int pid, List<String> problems) {
        PageLayout.Header header = page.header();
        FileIdentity file = page.file();
        if (header.pid() != pid) {
            problems.add("it is the page of pid " + header.pid() + ", not of " + pid
                    + ": inherited by a fork, or the daemon sees another pid (in a container)");
        }
        if ((file.seals() & LedgerPage.SEALED) != LedgerPage.SEALED) {
            problems.add("its seals are " + PageText.seals(file.seals()) + ", a page has "
                    + PageText.seals(LedgerPage.SEALED) + ": the daemon did not make it");
        }
        if (header.size() != Abi.PAGE_SIZE) {
            problems.add(
                    "its header says " + Long.toUnsignedString(header.size()) + " bytes, a page has " + Abi.PAGE_SIZE);
        }
        if (header.deviceCount() < 1 || header.deviceCount() > Abi.MAX_DEVICES) {
            problems.add("its header says " + Integer.toUnsignedString(header.deviceCount())
                    + " devices; a process has 1 to " + Abi.MAX_DEVICES);
        }
        if (header.segments() == 0) {
            problems.add("no segment is in use yet: the page replaces one that was lost, and until its process takes"
                    + " it over, used is what the daemon counts for it");
        } else if (header.segments() < 0 || header.segments() > Abi.TABLE_SEGMENTS) {
            problems.add("its header says " + Integer.toUnsignedString(header.segments())
                    + " segments; a page has 1 to " + Abi.TABLE_SEGMENTS);
        }
    }

    private static void device(LedgerPage.Device device, int devices, List<String> problems) {
        String who = "device " + device.index() + ": ";
        if (device.index() >= devices) {
            problems.add(who + "its header says " + devices + " devices, and this line is not empty");
        }
        if (device.used() < 0) {
            problems.add(who + "used is " + PageText.bytes(device.used())
                    + ", which no process can hold: its top bit is set when another page has taken over");
        } else if (device.used() > device.charge()) {
            problems.add(who + "used is " + PageText.bytes(device.used()) + ", the charge "
                    + PageText.bytes(device.charge())
                    + ": for an instant that is an allocation that backs off; look again, and if it stays, nobody"
                    + " believes the page beyond its charge");
        }
        if (device.peak() < 0) {
            problems.add(who + "the peak is " + PageText.bytes(device.peak()) + ", which no process can hold");
        }
        if (Long.compareUnsigned(device.frees(), device.allocations()) > 0) {
            problems.add(who + Long.toUnsignedString(device.frees()) + " frees of "
                    + Long.toUnsignedString(device.allocations()) + " allocations");
        }
    }

    static String version(PageLayout.Header header) {
        return (header.version() >>> 8) + "." + (header.version() & 0xff);
    }
}
