// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.domain.SessionId;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class NewsTest {
    private static final int ANN = 1000;
    private static final int ROOT = 0;
    private static final Viewer OF_ANN = new Viewer(false, ANN, Optional.empty());

    private final Recent recent = new Recent();
    private final News news = new News("d", numbered -> "{\"n\":" + numbered.number() + "}", () -> {});

    NewsTest() {
        recent.listen(0, news);
    }

    private void say(Operation operation, Optional<SessionId> session, int uid) {
        recent.happened(new Occurrence(
                Instant.EPOCH, operation, Result.OK, session, 7, uid, Optional.empty(), 0, Optional.empty(), ""));
    }

    private List<Long> numbers(Viewer viewer) {
        return news.after(0, News.MOST).items().stream()
                .filter(item -> news.isFor(viewer, item))
                .map(item -> item.numbered().number())
                .toList();
    }

    @Test
    void aUserHearsOfItsSessionsWhoeverActsInThem() {
        say(Operation.OPEN, Optional.of(Views.id(1)), ANN);
        say(Operation.OPEN, Optional.of(Views.id(2)), 1001);
        say(Operation.JOIN, Optional.of(Views.id(1)), ROOT);
        say(Operation.JOIN, Optional.of(Views.id(2)), ANN);
        say(Operation.LOGIN, Optional.empty(), ANN);
        say(Operation.LOGIN, Optional.empty(), 1001);
        say(Operation.CLOSE, Optional.of(Views.id(1)), ROOT);
        assertThat(numbers(OF_ANN)).containsExactly(1L, 3L, 5L, 7L);
        assertThat(numbers(new Viewer(true, ROOT, Optional.empty()))).hasSize(7);
        assertThat(numbers(new Viewer(false, ANN, Optional.of(Views.id(1))))).containsExactly(1L, 3L, 7L);
    }

    @Test
    void whoseASessionIsThatWasThereBeforeTheDaemonIsLearnt() {
        say(Operation.JOIN, Optional.of(Views.id(1)), ROOT);
        assertThat(numbers(OF_ANN)).isEmpty();
        news.learn(List.of(Views.session(1, ANN, 0)), List.of());
        assertThat(numbers(OF_ANN)).containsExactly(1L);
        say(Operation.CLOSE, Optional.of(Views.id(1)), ROOT);
        assertThat(numbers(OF_ANN)).contains(2L);
    }

    @Test
    void aSessionThatIsTooYoungForAListIsKnownAllTheSame() {
        say(Operation.OPEN, Optional.of(Views.id(1)), ANN);
        news.learn(List.of(), List.of());
        say(Operation.DENY, Optional.of(Views.id(1)), ROOT);
        assertThat(numbers(OF_ANN)).containsExactly(1L, 2L);
        news.learn(List.of(), List.of());
        say(Operation.DENY, Optional.of(Views.id(1)), ROOT);
        assertThat(numbers(OF_ANN)).as("it is gone").containsExactly(1L, 2L);
    }

    @Test
    void whatEveryAllocationMayCauseIsNoNews() {
        say(Operation.GRANT, Optional.of(Views.id(1)), ANN);
        say(Operation.FREE, Optional.of(Views.id(1)), ANN);
        say(Operation.COLLECT, Optional.of(Views.id(1)), ANN);
        assertThat(news.last()).isZero();
        say(Operation.DENY, Optional.of(Views.id(1)), ANN);
        assertThat(news.text(news.after(0, 1).items().getFirst()).utf8String())
                .isEqualTo("data:{\"n\":4}\nevent:deny\nid:d-4\n\n");
    }

    @Test
    void aPlaceIsFoundByNumberAndWhatIsForgottenIsCounted() {
        for (int i = 0; i < News.MOST + 10; i++) {
            say(Operation.GRANT, Optional.of(Views.id(1)), ANN);
            say(Operation.DENY, Optional.of(Views.id(1)), ANN);
        }
        assertThat(news.place(100)).as("the place of number 100").isEqualTo(50);
        assertThat(news.place(101)).isEqualTo(50);
        assertThat(news.missed(100)).isZero();
        assertThat(news.missed(20)).isZero();
        assertThat(news.missed(0)).isEqualTo(10);
        assertThat(news.missed(16)).as("2 of them; told as at most 4").isEqualTo(4);
        assertThat(news.place(0)).isEqualTo(10);
        News.Batch batch = news.after(5, 3);
        assertThat(batch.lost()).isEqualTo(5);
        assertThat(batch.items()).extracting(News.Item::place).containsExactly(11L, 12L, 13L);
        assertThat(batch.last()).isEqualTo(13);
    }
}
