// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

import java.util.List;

/**
 * {@code make model}: checks the protocol and each of its mutations.
 *
 * <p>Arguments: {@code quick} (default) or {@code thorough}, then optionally the most states to visit.
 */
public final class ModelMain {
    private static final int MOST_STATES = 200_000_000;

    private ModelMain() {}

    public static void main(String[] args) {
        boolean thorough = args.length > 0 && args[0].equals("thorough");
        int most = args.length > 1 ? Integer.parseInt(args[1]) : MOST_STATES;
        boolean right = true;
        for (Scenario scenario : thorough ? Scenario.thorough() : Scenario.quick()) {
            right &= report(scenario, Mutation.NONE, most);
        }
        for (Mutation mutation : Mutation.values()) {
            if (mutation != Mutation.NONE) {
                right &= report(Scenario.thatShows(mutation), mutation, most);
            }
        }
        System.out.println(right ? "as expected" : "NOT AS EXPECTED");
        System.exit(right ? 0 : 1);
    }

    private static boolean report(Scenario scenario, Mutation mutation, int most) {
        long start = System.nanoTime();
        Explorer.Result result = Explorer.explore(scenario, mutation, most);
        String broken = result.broken();
        System.out.printf(
                "%-30s %-22s %,12d states %,13d steps %5.1f s  %s%n",
                mutation == Mutation.NONE ? "the protocol" : mutation,
                scenario.name(),
                result.states(),
                result.edges(),
                (System.nanoTime() - start) / 1e9,
                broken == null ? "ok" : "BAD: " + broken);
        boolean expected = (broken == null) == (mutation == Mutation.NONE);
        if (!expected) {
            List<String> path = result.path();
            path.forEach(line -> System.out.println("    " + line));
        }
        return expected;
    }
}
