// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class PartsTest {

    private final List<String> ended = Collections.synchronizedList(new ArrayList<>());

    @Test
    void whatStandsOnOthersEndsBeforeThemWhateverBecomesOfOne() throws Exception {
        Parts parts = new Parts();
        parts.add(() -> ended.add("first"));
        parts.add(() -> {
            throw new IllegalStateException("a part that cannot end");
        });
        parts.add(() -> ended.add("third"));

        assertThat(parts.closeWithin(Duration.ofSeconds(30))).isTrue();
        assertThat(ended).containsExactly("third", "first");
    }

    @Test
    void aPartThatNeverEndsIsGivenUp() throws Exception {
        Parts parts = new Parts();
        CountDownLatch never = new CountDownLatch(1);
        parts.add(never::await);

        assertThat(parts.closeWithin(Duration.ofMillis(50))).isFalse();
        never.countDown();
    }
}
