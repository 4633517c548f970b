// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Durations as people write and read them: {@code 90s}, {@code 2h}, {@code 1h30m}, {@code 250ms}. */
public final class Durations {
    static final String ACCEPTED = "write 90s, 2h, 1h30m or 7d (d, h, m, s, ms; largest unit first)";

    private static final Pattern DURATION =
            Pattern.compile("(?:(\\d{1,9})d)?(?:(\\d{1,9})h)?(?:(\\d{1,9})m)?(?:(\\d{1,9})s)?(?:(\\d{1,9})ms)?");

    private Durations() {}

    /**
     * Reads a duration; the whole text must match.
     *
     * @return longer than zero
     * @throws InvalidValueException if it is no duration, or zero
     */
    public static Duration parse(String text) {
        Matcher matcher = DURATION.matcher(text);
        if (text.isEmpty() || !matcher.matches()) {
            throw invalid(text, "is not a duration");
        }
        Duration duration = Duration.ofDays(number(matcher.group(1)))
                .plusHours(number(matcher.group(2)))
                .plusMinutes(number(matcher.group(3)))
                .plusSeconds(number(matcher.group(4)))
                .plusMillis(number(matcher.group(5)));
        if (duration.isZero()) {
            throw invalid(text, "is zero");
        }
        return duration;
    }

    /** The shortest text that {@link #parse} reads back to the same milliseconds; {@code 0s} for zero or less. */
    public static String format(Duration duration) {
        if (duration.isNegative() || duration.isZero()) {
            return "0s";
        }
        StringBuilder text = new StringBuilder();
        append(text, duration.toDays(), "d");
        append(text, duration.toHoursPart(), "h");
        append(text, duration.toMinutesPart(), "m");
        append(text, duration.toSecondsPart(), "s");
        append(text, duration.toMillisPart(), "ms");
        return text.isEmpty() ? "0s" : text.toString();
    }

    private static void append(StringBuilder text, long number, String unit) {
        if (number > 0) {
            text.append(number).append(unit);
        }
    }

    // A group that took no part in the match is null to the matcher: a unit that was not written.
    private static long number(@Nullable String digits) {
        return digits == null ? 0 : Long.parseLong(digits);
    }

    private static InvalidValueException invalid(String text, String why) {
        return new InvalidValueException("duration \"" + text + "\" " + why + ": " + ACCEPTED);
    }
}
