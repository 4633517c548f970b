// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** What somebody may have meant: the closest of some known words. */
public final class Nearest {
    private Nearest() {}

    /**
     * The known word that takes the fewest changes of one letter (a swap of two neighbours counts as one); empty if even
     * that takes more than a third of the longer word, when a guess would mislead.
     */
    public static Optional<String> to(String word, Collection<String> known) {
        return known.stream()
                .filter(candidate -> 3 * distance(word, candidate) <= Math.max(word.length(), candidate.length()))
                .min(Comparator.comparingInt(candidate -> distance(word, candidate)));
    }

    private static int distance(String a, String b) {
        int[][] changes = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    changes[i][j] = i + j;
                    continue;
                }
                boolean same = a.charAt(i - 1) == b.charAt(j - 1);
                int best = Math.min(changes[i - 1][j], changes[i][j - 1]) + 1;
                best = Math.min(best, changes[i - 1][j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    best = Math.min(best, changes[i - 2][j - 2] + 1);
                }
                changes[i][j] = best;
            }
        }
        return changes[a.length()][b.length()];
    }
}
