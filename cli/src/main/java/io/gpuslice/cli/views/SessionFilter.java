// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Failure;
import io.gpuslice.cli.Json;
import io.gpuslice.config.Nearest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Which sessions are to be shown: each key that is given must fit, by one of the values it is given with. */
public final class SessionFilter implements Predicate<Json> {

    private enum Key {
        ID("the start of its id"),
        NAME("its name; * stands for anything"),
        STATE("active, expired, or unenforced: with a process that the limit does not reach"),
        UID("its owner's number"),
        DEVICE("a GPU that it has used, by index or the start of its UUID"),
        PID("a process of it");

        private final String meaning;

        Key(String meaning) {
            this.meaning = meaning;
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final List<String> STATES = List.of("active", "expired", "unenforced");

    private final Map<Key, List<String>> wanted = new EnumMap<>(Key.class);

    private SessionFilter() {}

    /**
     * As typed.
     *
     * @param typed {@code key=value} each; none: all sessions
     */
    public static SessionFilter of(List<String> typed) throws Failure {
        SessionFilter filter = new SessionFilter();
        for (String each : typed) {
            int equals = each.indexOf('=');
            if (equals <= 0 || equals == each.length() - 1) {
                throw unknown("--filter \"" + each + "\" is not KEY=VALUE", "");
            }
            String value = each.substring(equals + 1);
            Key key = key(each.substring(0, equals));
            check(key, value);
            filter.wanted.computeIfAbsent(key, _ -> new ArrayList<>()).add(value);
        }
        return filter;
    }

    private static Key key(String typed) throws Failure {
        List<String> keys = Arrays.stream(Key.values()).map(Key::toString).toList();
        if (keys.contains(typed)) {
            return Key.valueOf(typed.toUpperCase(Locale.ROOT));
        }
        throw unknown(
                "sessions have no \"" + typed + "\" to filter by",
                Nearest.to(typed, keys)
                        .map(near -> "did you mean " + near + "? ")
                        .orElse(""));
    }

    private static void check(Key key, String value) throws Failure {
        boolean possible = switch (key) {
            case ID, NAME, DEVICE -> true;
            case STATE -> STATES.contains(value.toLowerCase(Locale.ROOT));
            case UID, PID -> value.matches("\\d{1,10}");
        };
        if (!possible) {
            throw unknown("--filter " + key + "=" + value + " fits no session: " + key + " is " + key.meaning, "");
        }
    }

    private static Failure unknown(String what, String near) {
        return new Failure(
                Failure.Kind.USAGE,
                what,
                near + "the keys are "
                        + Arrays.stream(Key.values())
                                .map(key -> key + " (" + key.meaning + ")")
                                .collect(Collectors.joining(", ")));
    }

    @Override
    public boolean test(Json session) {
        return wanted.entrySet().stream()
                .allMatch(each -> each.getValue().stream().anyMatch(value -> fits(each.getKey(), value, session)));
    }

    private static boolean fits(Key key, String value, Json session) {
        return switch (key) {
            case ID -> session.text("id", "").startsWith(value);
            case NAME -> glob(value).matcher(session.text("name", "")).matches();
            case STATE ->
                value.equalsIgnoreCase("unenforced")
                        ? !session.objects("unenforced").isEmpty()
                        : session.text("state", "").equalsIgnoreCase(value);
            case UID -> session.text("uid", "").equals(value);
            case DEVICE ->
                session.objects("devices").stream()
                        .anyMatch(device -> device.text("index", "").equals(value)
                                || device.text("uuid", "").startsWith(value));
            case PID ->
                session.objects("processes").stream()
                        .anyMatch(process -> process.text("pid", "").equals(value));
        };
    }

    private static Pattern glob(String value) {
        return Pattern.compile(
                Arrays.stream(value.split("\\*", -1)).map(Pattern::quote).collect(Collectors.joining(".*")));
    }
}
