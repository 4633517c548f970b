// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.Sizes;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.PageLayout;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Ledger pages, for people and as JSON. */
final class PageText {
    /** Behind a number that cannot be, or should not last. */
    private static final String MARK = " !";

    private static final List<String> SEALS = List.of("seal", "shrink", "grow", "write", "future-write", "exec");

    private PageText() {}

    /** One page, in sections. */
    static String sections(LedgerPage page, int pid) {
        PageLayout.Header header = page.header();
        Table head = new Table("", "");
        head.row("page", header.pageId());
        head.row("descriptor", page.descriptor() + " (" + page.name() + ")");
        head.row("version", PageProblems.version(header));
        head.row("size", Sizes.format(page.file().size()) + ", " + Sizes.format(page.resident()) + " of it in memory");
        head.row("seals", seals(page.file().seals()));
        head.row("pid", Integer.toUnsignedString(header.pid()));
        head.row("devices", Integer.toUnsignedString(header.deviceCount()));
        head.row("segments", Integer.toUnsignedString(header.segments()) + " of " + Abi.TABLE_SEGMENTS);
        StringBuilder text = new StringBuilder(head.body());
        section(text, devices(page));
        section(text, segments(page));
        if (page.live() > 0) {
            text.append('\n')
                    .append(
                            page.largest().size() < page.live()
                                    ? "the " + page.largest().size() + " largest of " + page.live()
                                            + " live allocations"
                                    : page.live() + " live allocations, the largest first")
                    .append('\n');
        }
        section(text, allocations(page));
        List<String> problems = PageProblems.of(page, pid);
        if (!problems.isEmpty()) {
            text.append("\nwhat makes no sense:\n");
            problems.forEach(problem -> text.append("  ").append(problem).append('\n'));
        }
        return text.toString();
    }

    private static Table devices(LedgerPage page) {
        Table table = new Table(
                "DEVICE",
                ">CHARGE",
                "GATED",
                ">USED",
                ">CREDIT",
                ">PEAK",
                ">ALLOCATIONS",
                ">FREES",
                ">DENIALS",
                ">LIVE",
                ">LISTED");
        for (LedgerPage.Device device : page.devices()) {
            boolean moreFrees = Long.compareUnsigned(device.frees(), device.allocations()) > 0;
            table.row(
                    device.index() + (device.index() < page.header().deviceCount() ? "" : MARK),
                    bytes(device.charge()),
                    device.gated() ? "yes" : "no",
                    bytes(device.used()) + (overdrawn(device) ? MARK : ""),
                    overdrawn(device) ? "-" : bytes(device.credit()),
                    bytes(device.peak()) + (device.peak() < 0 ? MARK : ""),
                    Long.toUnsignedString(device.allocations()),
                    Long.toUnsignedString(device.frees()) + (moreFrees ? MARK : ""),
                    Long.toUnsignedString(device.denials()),
                    Long.toString(device.live()),
                    bytes(device.listed()));
        }
        return table;
    }

    private static Table segments(LedgerPage page) {
        Table table = new Table("SEGMENT", ">ENTRIES", ">LIVE", ">OCCUPIED");
        for (LedgerPage.Segment segment : page.segments()) {
            table.row(
                    Integer.toString(segment.index()),
                    Long.toString(segment.entries()),
                    Long.toString(segment.live()),
                    String.format(Locale.ROOT, "%.1f%%", 100.0 * segment.live() / segment.entries()));
        }
        return table;
    }

    private static Table allocations(LedgerPage page) {
        Table table = new Table("ADDRESS", "DEVICE", ">BYTES", "KIND");
        for (LedgerPage.Allocation allocation : page.largest()) {
            String kind = PageLayout.kindName(allocation.kind());
            table.row(
                    address(allocation),
                    allocation.device() + (allocation.device() < page.header().deviceCount() ? "" : MARK),
                    bytes(allocation.bytes()),
                    kind.equals("unknown") ? allocation.kind() + MARK : kind);
        }
        return table;
    }

    /** The same for machines: sizes in bytes, and the numbers of a page that makes no sense as they stand there. */
    static Json json(LedgerPage page, int pid) {
        PageLayout.Header header = page.header();
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("page_id", header.pageId());
        json.put("descriptor", page.descriptor());
        json.put("name", page.name());
        json.put("version", PageProblems.version(header));
        json.put("size_bytes", page.file().size());
        json.put("resident_bytes", page.resident());
        json.put("seals", sealNames(page.file().seals()));
        json.put("pid", Integer.toUnsignedLong(header.pid()));
        json.put("device_count", Integer.toUnsignedLong(header.deviceCount()));
        json.put("segment_count", Integer.toUnsignedLong(header.segments()));
        json.put("devices", page.devices().stream().map(PageText::json).toList());
        json.put("segments", page.segments().stream().map(PageText::json).toList());
        json.put("live", page.live());
        json.put("truncated", page.largest().size() < page.live());
        json.put("allocations", page.largest().stream().map(PageText::json).toList());
        json.put("problems", PageProblems.of(page, pid));
        return new Json(json);
    }

    private static Json json(LedgerPage.Device device) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("index", device.index());
        json.put("charge_bytes", device.charge());
        json.put("gated", device.gated());
        json.put("used_bytes", unsigned(device.used()));
        json.put("credit_bytes", overdrawn(device) ? null : device.credit());
        json.put("peak_bytes", unsigned(device.peak()));
        json.put("allocations", unsigned(device.allocations()));
        json.put("frees", unsigned(device.frees()));
        json.put("denials", unsigned(device.denials()));
        json.put("live", device.live());
        json.put("listed_bytes", device.listed());
        return new Json(json);
    }

    private static Json json(LedgerPage.Segment segment) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("index", segment.index());
        json.put("entries", segment.entries());
        json.put("live", segment.live());
        return new Json(json);
    }

    private static Json json(LedgerPage.Allocation allocation) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("address", address(allocation));
        json.put("device", allocation.device());
        json.put("bytes", allocation.bytes());
        json.put("kind", PageLayout.kindName(allocation.kind()));
        return new Json(json);
    }

    private static boolean overdrawn(LedgerPage.Device device) {
        return Long.compareUnsigned(device.used(), device.charge()) > 0;
    }

    private static String address(LedgerPage.Allocation allocation) {
        return "0x" + Long.toHexString(allocation.handle());
    }

    /** Also of a number that is no size, such as one with the top bit. */
    static String bytes(long unsigned) {
        return unsigned < 0 ? Long.toUnsignedString(unsigned) + " B" : Sizes.format(unsigned);
    }

    static String seals(int seals) {
        return seals == 0 ? "none" : String.join(" ", sealNames(seals));
    }

    private static List<String> sealNames(int seals) {
        List<String> names = new ArrayList<>();
        for (int bit = 0; bit < SEALS.size(); bit++) {
            if ((seals >> bit & 1) != 0) {
                names.add(SEALS.get(bit));
            }
        }
        return names;
    }

    private static Number unsigned(long number) {
        return number < 0 ? new BigInteger(Long.toUnsignedString(number)) : (Number) number;
    }

    private static void section(StringBuilder text, Table table) {
        if (!table.isEmpty()) {
            text.append('\n').append(table);
        }
    }
}
