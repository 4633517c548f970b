// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import java.util.Collection;
import java.util.Locale;
import java.util.Map;

/** What bars and curves are drawn with: what the terminal's character set has. */
enum Glyphs {
    UNICODE("▏▎▍▌▋▊▉█", "▁▂▃▄▅▆▇█", "…"),
    ASCII("#", "_.-=*#", ">");

    /** From nearly empty to full, of one place. */
    private final String parts;

    private final String heights;
    private final String cut;

    Glyphs(String parts, String heights, String cut) {
        this.parts = parts;
        this.heights = heights;
        this.cut = cut;
    }

    /** By what locale(7) says that text is written in. */
    static Glyphs of(Map<String, String> environment) {
        for (String name : new String[] {"LC_ALL", "LC_CTYPE", "LANG"}) {
            String locale = environment.getOrDefault(name, "");
            if (!locale.isEmpty()) {
                return locale.toLowerCase(Locale.ROOT).replace("-", "").contains("utf8") ? UNICODE : ASCII;
            }
        }
        return ASCII;
    }

    /** As long as {@code share} of {@code width}, and blanks behind it; more than all is all. */
    String bar(double share, int width) {
        double places = Math.clamp(share, 0, 1) * width;
        int full = (int) places;
        StringBuilder bar = new StringBuilder(last(parts).repeat(full));
        int part = (int) ((places - full) * parts.length());
        if (part > 0) {
            bar.append(parts.charAt(part - 1));
        } else if (full == 0 && share > 0) {
            // Little is not nothing.
            bar.append(parts.charAt(0));
        }
        return bar.append(" ".repeat(width - bar.length())).toString();
    }

    /** The last {@code width} of the shares, the newest at the right. */
    String curve(Collection<Double> shares, int width) {
        StringBuilder curve = new StringBuilder();
        shares.stream().skip(Math.max(0, shares.size() - width)).forEach(share -> {
            int height = (int) Math.round(Math.clamp(share, 0, 1) * (heights.length() - 1));
            curve.append(share > 0 ? heights.charAt(height) : ' ');
        });
        return " ".repeat(width - curve.length()) + curve;
    }

    /** No longer than that. */
    String fit(String text, int width) {
        return text.length() <= width ? text : width <= 0 ? "" : text.substring(0, width - 1) + cut;
    }

    private static String last(String of) {
        return of.substring(of.length() - 1);
    }
}
