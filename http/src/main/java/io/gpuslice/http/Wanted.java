// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.SessionState;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Which sessions of the list somebody wants: those that fit everything that is said.
 *
 * @param device its index, or its UUID or the beginning of it
 * @param after where the page before ended
 * @param most sessions on one page
 */
record Wanted(
        Optional<SessionState> state,
        Optional<String> name,
        OptionalInt uid,
        Optional<String> device,
        Place after,
        int most) {

    static final List<String> PARAMETERS = List.of("state", "name", "uid", "device", "after", "limit");

    /** Reads the query, which has been looked through for anything else. */
    static Wanted of(Map<String, String> query) throws Problem {
        String after = query.get("after");
        return new Wanted(
                state(query.get("state")),
                Optional.ofNullable(query.get("name")),
                number(query, "uid", 0),
                Optional.ofNullable(query.get("device")),
                after == null ? Place.FIRST : Place.parse(after),
                number(query, "limit", 1).orElse(Integer.MAX_VALUE));
    }

    private static Optional<SessionState> state(@Nullable String text) throws Problem {
        try {
            return Optional.ofNullable(text).map(name -> SessionState.valueOf(name.toUpperCase(Locale.ROOT)));
        } catch (IllegalArgumentException e) {
            throw Problem.badRequest("state=" + text + " must be one of " + Arrays.toString(SessionState.values()));
        }
    }

    private static OptionalInt number(Map<String, String> query, String name, int least) throws Problem {
        String text = query.get(name);
        if (text == null) {
            return OptionalInt.empty();
        }
        try {
            int number = Integer.parseInt(text);
            if (number >= least) {
                return OptionalInt.of(number);
            }
        } catch (NumberFormatException tooLargeOrNone) {
            // Said below.
        }
        throw Problem.badRequest(
                name + "=" + text + " must be a whole number from " + least + " to " + Integer.MAX_VALUE);
    }

    /** @param known gives devices their indexes */
    boolean test(SessionView session, Devices.Known known) {
        return state.map(session.state()::equals).orElse(true)
                && name.map(session.name()::equals).orElse(true)
                && (uid.isEmpty() || uid.getAsInt() == session.uid())
                && (device.isEmpty()
                        || session.devices().stream().anyMatch(use -> isMeant(device.get(), use.device(), known)))
                && Place.of(session).compareTo(after) > 0;
    }

    private static boolean isMeant(String text, DeviceId id, Devices.Known known) {
        return (!text.isEmpty() && id.toString().toLowerCase(Locale.ROOT).startsWith(text.toLowerCase(Locale.ROOT)))
                || known.devices().stream()
                        .anyMatch(device -> device.id().equals(id) && text.equals(String.valueOf(device.index())));
    }
}
