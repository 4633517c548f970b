// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Prometheus's text format, read back. Fails on a line that is not of it, and on one that is there twice.
 *
 * @param values by series, as "name" or "name{label="value",…}"
 */
record Scraped(Map<String, String> types, Map<String, String> help, Map<String, Double> values) {
    private static final Pattern COMMENT = Pattern.compile("# (HELP|TYPE) (\\S+) (.+)");
    private static final Pattern SAMPLE = Pattern.compile("([a-z_]+(?:\\{[^}]*})?) (\\S+)");

    static Scraped of(String text) {
        Scraped scraped = new Scraped(new HashMap<>(), new HashMap<>(), new HashMap<>());
        text.lines().forEach(line -> {
            Matcher comment = COMMENT.matcher(line);
            Matcher sample = SAMPLE.matcher(line);
            if (comment.matches()) {
                Map<String, String> those = comment.group(1).equals("HELP") ? scraped.help : scraped.types;
                assertThat(those.put(comment.group(2), comment.group(3)))
                        .as(line)
                        .isNull();
            } else {
                assertThat(sample.matches()).as(line).isTrue();
                assertThat(scraped.values.put(sample.group(1), Double.valueOf(sample.group(2))))
                        .as(line)
                        .isNull();
            }
        });
        return scraped;
    }

    double value(String series) {
        Double value = values.get(series);
        assertThat(value).as("%s in %s", series, values).isNotNull();
        return value;
    }

    /** Names of series, without their labels and without what a histogram appends. */
    Set<String> families() {
        Set<String> families = new TreeSet<>();
        for (String series : values.keySet()) {
            String name = series.replaceFirst("\\{.*", "");
            String histogram = name.replaceFirst("_(bucket|count|sum)$", "");
            families.add("histogram".equals(types.get(histogram)) ? histogram : name);
        }
        return families;
    }
}
