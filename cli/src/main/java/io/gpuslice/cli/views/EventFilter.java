// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Failure;
import io.gpuslice.cli.Json;
import io.gpuslice.config.Nearest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;

/** Which events are to be shown: each field that is given must have one of the values it is given with. */
final class EventFilter implements Predicate<Json> {
    /** Fields whose values are few. */
    private static final List<String> FIELDS =
            List.of("operation", "result", "error_code", "pid", "uid", "device", "session_id");

    private final Map<String, List<String>> wanted = new TreeMap<>();

    private EventFilter() {}

    /** @param typed {@code field=value} each; none: all events */
    static EventFilter of(List<String> typed) throws Failure {
        EventFilter filter = new EventFilter();
        for (String each : typed) {
            int equals = each.indexOf('=');
            String field = each.substring(0, Math.max(equals, 0));
            if (!FIELDS.contains(field)) {
                throw new Failure(
                        Failure.Kind.USAGE,
                        "--filter \"" + each + "\" is not FIELD=VALUE with a field that events are told by",
                        Nearest.to(field, FIELDS)
                                        .map(near -> "did you mean " + near + "? ")
                                        .orElse("")
                                + "the fields are " + String.join(", ", FIELDS));
            }
            filter.wanted.computeIfAbsent(field, _ -> new ArrayList<>()).add(each.substring(equals + 1));
        }
        return filter;
    }

    @Override
    public boolean test(Json event) {
        return wanted.entrySet().stream()
                .allMatch(each -> each.getValue().stream()
                        .anyMatch(value -> event.text(each.getKey(), "").equalsIgnoreCase(value)));
    }
}
