// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Json;
import io.gpuslice.cli.SessionText;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** What {@code gpuslice top} knows and what was typed so far. Knows no terminal and asks nobody. */
final class TopModel {

    /** What the sessions are ordered by. */
    enum Sort {
        USED,
        FULL,
        RATE,
        DENIED,
        NAME;

        Sort next() {
            return switch (this) {
                case USED -> FULL;
                case FULL -> RATE;
                case RATE -> DENIED;
                case DENIED -> NAME;
                case NAME -> USED;
            };
        }

        Comparator<Sample> order() {
            Comparator<Sample> order = switch (this) {
                case USED -> Comparator.comparingLong(Sample::used).reversed();
                case FULL -> Comparator.comparingDouble(Sample::fullness).reversed();
                case RATE -> Comparator.comparingDouble(Sample::rate).reversed();
                case DENIED -> Comparator.comparingLong(Sample::denials).reversed();
                case NAME -> Comparator.comparing(Sample::label);
            };
            return order.thenComparing(Sample::id);
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** What keys mean at the moment. */
    enum Mode {
        LIST,
        FILTER,
        RESIZE,
        END,
        HELP
    }

    /** What is to be done outside. */
    sealed interface Effect {
        record Quit() implements Effect {}

        /**
         * Another limit.
         *
         * @param limit as typed
         */
        record Resize(String id, String limit) implements Effect {}

        record End(String id) implements Effect {}
    }

    private final History sessionHistory = new History();
    private final History deviceHistory = new History();
    private final Sample.Series series = new Sample.Series();
    private List<Sample> samples = List.of();
    private List<Json> devices = List.of();
    private Instant at = Instant.EPOCH;
    private Sort sort = Sort.USED;
    private Mode mode = Mode.LIST;
    private String filter = "";
    private String typed = "";
    private String message = "";
    private String selected = "";

    /**
     * Takes what a look has brought.
     *
     * @param nanos System.nanoTime
     */
    void look(List<Json> newDevices, List<Json> sessions, Instant now, long nanos) {
        devices = List.copyOf(newDevices);
        samples = series.of(sessions, nanos);
        at = now;
        Set<String> ids = new HashSet<>();
        for (Sample sample : samples) {
            ids.add(sample.id());
            sessionHistory.add(sample.id(), sample.fullness());
        }
        sessionHistory.keep(ids);
        devices.forEach(device -> deviceHistory.add(device.text("uuid", "?"), share(device)));
    }

    static double share(Json device) {
        return Sample.share(device.number("used_bytes", 0), device.number("total_bytes", 0));
    }

    /** Says something until the next key. */
    void say(String what) {
        message = what;
    }

    /** Hears a key: what is to be done, if anything. */
    Optional<Effect> key(int key) {
        message = "";
        return switch (mode) {
            case LIST -> inList(key);
            case HELP -> {
                mode = Mode.LIST;
                yield Optional.empty();
            }
            case END -> {
                mode = Mode.LIST;
                yield key == 'y' ? Optional.of(new Effect.End(selected)) : Optional.empty();
            }
            case FILTER -> {
                typing(key);
                filter = mode == Mode.FILTER || key == Key.ENTER ? typed : "";
                yield Optional.empty();
            }
            case RESIZE -> {
                typing(key);
                yield key == Key.ENTER && !typed.isBlank()
                        ? Optional.of(new Effect.Resize(selected, typed.strip()))
                        : Optional.empty();
            }
        };
    }

    private Optional<Effect> inList(int key) {
        switch (key) {
            case 'q', Key.CTRL_C -> {
                return Optional.of(new Effect.Quit());
            }
            case Key.UP, 'k' -> move(-1);
            case Key.DOWN, 'j' -> move(1);
            case Key.HOME, 'g' -> move(-samples.size());
            case Key.END, 'G' -> move(samples.size());
            case 's' -> sort = sort.next();
            case '/' -> ask(Mode.FILTER, filter);
            case Key.ESCAPE -> filter = "";
            case 'r' -> chosen().ifPresent(sample -> ask(Mode.RESIZE, SessionText.limitTyped(sample.session())));
            case 'e' -> chosen().ifPresent(_ -> mode = Mode.END);
            case '?', 'h' -> mode = Mode.HELP;
            default -> {
                // Means nothing.
            }
        }
        return Optional.empty();
    }

    private void ask(Mode what, String beginning) {
        // What it is about, also if the order changes meanwhile.
        chosen().ifPresent(sample -> selected = sample.id());
        mode = what;
        typed = beginning;
    }

    private void typing(int key) {
        switch (key) {
            case Key.ENTER -> mode = Mode.LIST;
            case Key.ESCAPE, Key.CTRL_C -> {
                mode = Mode.LIST;
                typed = "";
            }
            case Key.BACKSPACE -> typed = typed.isEmpty() ? "" : typed.substring(0, typed.length() - 1);
            case Key.CTRL_U -> typed = "";
            default -> typed = key >= ' ' ? typed + Character.toString(key) : typed;
        }
    }

    private void move(int by) {
        List<Sample> shown = shown();
        if (!shown.isEmpty()) {
            selected = shown.get(Math.clamp(chosenAt() + (long) by, 0, shown.size() - 1))
                    .id();
        }
    }

    /** Those that are to be seen, in their order. */
    List<Sample> shown() {
        String wanted = filter.toLowerCase(Locale.ROOT);
        List<Sample> shown = new ArrayList<>(samples.stream()
                .filter(sample -> text(sample).toLowerCase(Locale.ROOT).contains(wanted))
                .toList());
        shown.sort(sort.order());
        return shown;
    }

    private static String text(Sample sample) {
        return sample.id() + " " + sample.session().text("name", "") + " "
                + sample.session().text("state", "") + " " + SessionText.command(sample.session());
    }

    /** Where the chosen one stands; 0 if it has gone. */
    int chosenAt() {
        List<Sample> shown = shown();
        for (int at = 0; at < shown.size(); at++) {
            if (shown.get(at).id().equals(selected)) {
                return at;
            }
        }
        return 0;
    }

    Optional<Sample> chosen() {
        List<Sample> shown = shown();
        Optional<Sample> chosen = shown.isEmpty() ? Optional.empty() : Optional.of(shown.get(chosenAt()));
        chosen.ifPresent(sample -> selected = sample.id());
        return chosen;
    }

    int total() {
        return samples.size();
    }

    List<Json> devices() {
        return devices;
    }

    History sessionHistory() {
        return sessionHistory;
    }

    History deviceHistory() {
        return deviceHistory;
    }

    Instant at() {
        return at;
    }

    Sort sort() {
        return sort;
    }

    Mode mode() {
        return mode;
    }

    String filter() {
        return filter;
    }

    String typed() {
        return typed;
    }

    String message() {
        return message;
    }
}
