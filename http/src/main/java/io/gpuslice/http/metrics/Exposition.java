// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

/**
 * Numbers that are known, in Prometheus's text format. There are thousands at a scrape, and they are gone after it:
 * instruments for them would cost ten times what writing them does.
 */
final class Exposition {
    private final StringBuilder text = new StringBuilder();

    /** Begins a family; its samples follow. */
    Exposition family(Family family) {
        text.append("# HELP ").append(family.name()).append(' ').append(family.help());
        text.append("\n# TYPE ").append(family.name()).append(' ').append(family.kind());
        text.append('\n');
        return this;
    }

    /**
     * One series of it.
     *
     * @param labels their values, in the family's order
     */
    Exposition sample(Family family, long value, String... labels) {
        series(family, labels);
        text.append(value).append('\n');
        return this;
    }

    /** One that has no labels, and is no whole number. */
    Exposition seconds(Family family, double seconds) {
        series(family);
        text.append(seconds).append('\n');
        return this;
    }

    private void series(Family family, String... labels) {
        text.append(family.name());
        for (int i = 0; i < labels.length; i++) {
            text.append(i == 0 ? '{' : ',')
                    .append(family.labels().get(i))
                    .append("=\"")
                    .append(escaped(labels[i]))
                    .append('"');
        }
        text.append(labels.length == 0 ? " " : "} ");
    }

    /** Nearly all need none of it, and there are thousands: the first look is what they cost. */
    private static String escaped(String value) {
        if (value.indexOf('\\') < 0 && value.indexOf('"') < 0 && value.indexOf('\n') < 0) {
            return value;
        }
        return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
