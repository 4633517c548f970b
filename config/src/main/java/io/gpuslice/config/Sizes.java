// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sizes in bytes as people write and read them. {@code K M G T}, with or without {@code B} or {@code iB} and in either
 * case, are powers of 1024: NVIDIA's tools and every framework count memory so.
 */
public final class Sizes {
    /** A smaller number without a unit is far more likely {@code 512} meant as MB than a limit of 512 bytes. */
    static final long SMALLEST_BARE_NUMBER = 1L << 20;

    static final String ACCEPTED = "write 8G, 8GB or 8GiB (also K, M, T; base 1024), 1.5G if that is whole bytes, "
            + "or bytes from 1048576 up";

    private static final Pattern SIZE =
            Pattern.compile("(\\d+(?:\\.\\d+)?)(?: ?([KMGT])(?:i?B)?)?", Pattern.CASE_INSENSITIVE);
    private static final String UNITS = "KMGT";
    private static final BigDecimal LARGEST = BigDecimal.valueOf(Long.MAX_VALUE);

    private Sizes() {}

    /**
     * Reads a size; the whole text must match, with at most one blank before the unit.
     *
     * @return bytes, 1 … 2^63−1
     * @throws InvalidValueException if it is no size, zero, not whole bytes, above 2^63−1, or a number without a unit
     *     below 1 MiB
     */
    public static long parse(String text) {
        Matcher matcher = SIZE.matcher(text);
        if (!matcher.matches()) {
            throw invalid(text, text.endsWith("%") ? "is a share, and only a limit can be one" : "is not a size");
        }
        BigDecimal number = new BigDecimal(matcher.group(1));
        String unit = matcher.group(2);
        if (number.signum() == 0) {
            throw invalid(text, "is zero");
        }
        if (unit == null && number.compareTo(BigDecimal.valueOf(SMALLEST_BARE_NUMBER)) < 0) {
            throw invalid(text, "has no unit and is below 1 MiB");
        }
        BigDecimal bytes = unit == null ? number : number.multiply(BigDecimal.valueOf(bytesPer(unit)));
        if (bytes.compareTo(LARGEST) > 0) {
            throw invalid(text, "is more than 2^63-1 bytes");
        }
        try {
            return bytes.longValueExact();
        } catch (ArithmeticException e) {
            throw invalid(text, "is not a whole number of bytes");
        }
    }

    /**
     * For people: one decimal and an IEC unit, {@code 8.0 GiB}; below 1 KiB whole bytes, {@code 512 B}. Rounds half up,
     * and up to the next unit where the number would read 1024.0.
     *
     * @param bytes at least 0
     */
    public static String format(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("a size cannot be negative: " + bytes);
        }
        if (bytes < 1024) {
            return bytes + " B";
        }
        String[] units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
        int unit = 0;
        double value = bytes / 1024.0;
        while (value >= 1023.95 && unit < units.length - 1) {
            value /= 1024.0;
            unit++;
        }
        return String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
    }

    private static long bytesPer(String unit) {
        return 1L << (10 * (UNITS.indexOf(unit.toUpperCase(Locale.ROOT)) + 1));
    }

    private static InvalidValueException invalid(String text, String why) {
        return new InvalidValueException("size \"" + text + "\" " + why + ": " + ACCEPTED);
    }
}
