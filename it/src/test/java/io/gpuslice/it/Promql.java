// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a query speaks of, as far as that can be read off without understanding it.
 *
 * @param metrics ours
 * @param matched pairs {@code metric{label}} of its selectors
 * @param grouped labels that it keeps, drops or joins by
 */
record Promql(Set<String> metrics, Set<String> matched, Set<String> grouped) {
    private static final Pattern TEXT = Pattern.compile("\"[^\"]*\"");
    private static final Pattern METRIC = Pattern.compile("\\b(?:gpuslice|process)_[a-z_]+\\b");
    private static final Pattern SELECTOR = Pattern.compile("\\b([a-zA-Z_:]+)\\{([^}]*)}");
    private static final Pattern MATCHER = Pattern.compile("(\\w+)\\s*(?:=~|!~|!=|=)");
    private static final Pattern GROUPING =
            Pattern.compile("\\b(?:by|without|on|ignoring|group_left|group_right) ?\\(([^)]*)\\)");

    static Promql of(String query) {
        String bare = TEXT.matcher(query).replaceAll("\"\"");
        return new Promql(
                all(METRIC, bare).map(MatchResult::group).collect(Collectors.toCollection(TreeSet::new)),
                all(SELECTOR, bare)
                        .flatMap(selector -> all(MATCHER, selector.group(2))
                                .map(matcher -> selector.group(1) + "{" + matcher.group(1) + "}"))
                        .collect(Collectors.toCollection(TreeSet::new)),
                all(GROUPING, bare)
                        .flatMap(grouping -> Arrays.stream(grouping.group(1).split(",")))
                        .map(String::strip)
                        .filter(label -> !label.isEmpty())
                        .collect(Collectors.toCollection(TreeSet::new)));
    }

    private static Stream<MatchResult> all(Pattern pattern, String text) {
        return pattern.matcher(text).results();
    }
}
