// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

/**
 * What happens to one session.
 *
 * @param unit bytes in which limits and allocations are counted, so that the same history is tried near 1 byte
 *     and near 2^63 − 1
 * @param strict whether the session is
 */
record History(long unit, boolean strict, List<Action> actions) {
    /** The most units that a limit can have: 12 of the largest unit are just below 2^63. */
    static final int MOST_UNITS = 12;

    private static final long[] UNITS = {1, 1, 1L << 20, Long.MAX_VALUE / MOST_UNITS};
    private static final int WEIGHTS =
            Arrays.stream(Action.Kind.values()).mapToInt(kind -> kind.weight).sum();

    static History random(RandomGenerator random, int length) {
        List<Action> actions = new ArrayList<>();
        actions.add(new Action(Action.Kind.JOIN, 0, 0, 0));
        actions.add(new Action(Action.Kind.JOIN, 1, 0, 0));
        while (actions.size() < length) {
            int entropy = random.nextInt(4) == 0 ? 0 : random.nextInt();
            actions.add(new Action(kind(random), random.nextInt(64), random.nextInt(1024), entropy));
        }
        return new History(UNITS[random.nextInt(UNITS.length)], random.nextInt(8) == 0, actions);
    }

    private static Action.Kind kind(RandomGenerator random) {
        int point = random.nextInt(WEIGHTS);
        for (Action.Kind kind : Action.Kind.values()) {
            point -= kind.weight;
            if (point < 0) {
                return kind;
            }
        }
        throw new AssertionError("weights");
    }

    /** Simpler histories, the boldest simplification first. */
    Stream<History> shrunk() {
        Stream<History> shorter = Stream.iterate(actions.size() / 2, chunk -> chunk > 0, chunk -> chunk / 2)
                .flatMap(chunk -> Stream.iterate(0, from -> from < actions.size(), from -> from + chunk)
                        .map(from -> without(from, Math.min(from + chunk, actions.size()))));
        Stream<History> calmer = Stream.iterate(0, at -> at < actions.size(), at -> at + 1)
                .flatMap(at -> calmer(actions.get(at)).map(action -> with(at, action)));
        Stream<History> plainer = unit == 1 ? Stream.of() : Stream.of(new History(1, strict, actions));
        return Stream.of(shorter, plainer, calmer).flatMap(each -> each);
    }

    private static Stream<Action> calmer(Action action) {
        return Stream.of(
                        new Action(action.kind(), action.who(), action.what(), 0),
                        new Action(action.kind(), action.who() / 2, action.what(), action.entropy()),
                        new Action(action.kind(), action.who(), action.what() / 2, action.entropy()))
                .filter(simpler -> !simpler.equals(action));
    }

    private History without(int from, int to) {
        List<Action> fewer = new ArrayList<>(actions.subList(0, from));
        fewer.addAll(actions.subList(to, actions.size()));
        return new History(unit, strict, fewer);
    }

    private History with(int at, Action action) {
        List<Action> changed = new ArrayList<>(actions);
        changed.set(at, action);
        return new History(unit, strict, changed);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("unit " + unit + (strict ? ", strict" : ""));
        actions.forEach(action -> text.append("\n  ").append(action));
        return text.toString();
    }
}
