// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class OwnersTest {

    private final List<Integer> asked = new ArrayList<>();
    private long now = Long.MAX_VALUE - 5;
    private final Owners owners = new Owners(
            uid -> {
                asked.add(uid);
                return CompletableFuture.completedFuture(uid == 1);
            },
            () -> now);

    private boolean owns(int uid) {
        return owners.apply(uid).toCompletableFuture().join();
    }

    @Test
    void theAnswerHoldsForASecondAndForThatUserAlone() {
        assertThat(owns(1)).isTrue();
        assertThat(owns(2)).isFalse();
        now += Owners.HOLDS.toNanos() - 1;
        assertThat(owns(1)).isTrue();
        assertThat(owns(2)).isFalse();
        assertThat(asked).containsExactly(1, 2);

        now++;
        assertThat(owns(1)).isTrue();
        assertThat(asked).containsExactly(1, 2, 1);
    }

    @Test
    void ofMoreUsersThanAreKeptTheOldestAnswerIsForgotten() {
        for (int uid = 0; uid <= Owners.MOST; uid++) {
            owns(uid);
        }
        asked.clear();

        owns(Owners.MOST);
        owns(1);
        assertThat(asked).isEmpty();
        owns(0);
        assertThat(asked).containsExactly(0);
    }
}
