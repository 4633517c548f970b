// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.cli.views.TopModel.Effect;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the keys of top do. */
class TopModelTest {
    private TopModel model;

    @BeforeEach
    void look() throws IOException {
        model = TopScreenTest.busy();
    }

    private List<String> shown() {
        return model.shown().stream().map(Sample::label).toList();
    }

    /** The effects of the keys. */
    private List<Effect> type(String keys) {
        List<Effect> effects = new ArrayList<>();
        keys.chars().forEach(key -> model.key(key == '\n' ? Key.ENTER : key).ifPresent(effects::add));
        return effects;
    }

    @Test
    void sessionsAreInTheOrderThatWasChosen() {
        String longest = "a-name-that-is-longer-than-its-column";
        String unnamed = "0a52d7c96e1f43b8";
        assertThat(shown()).containsExactly("train", longest, unnamed, "idle");
        type("s");
        assertThat(model.sort()).isEqualTo(TopModel.Sort.FULL);
        assertThat(shown()).containsExactly(longest, "train", unnamed, "idle");
        type("s");
        assertThat(shown()).startsWith("train");
        type("s");
        assertThat(shown()).startsWith(longest, unnamed);
        type("s");
        assertThat(shown()).containsExactly(unnamed, longest, "idle", "train");
        type("s");
        assertThat(model.sort()).isEqualTo(TopModel.Sort.USED);
    }

    @Test
    void theFilterHoldsUntilEscape() {
        type("/TRAI");
        assertThat(shown()).as("while it is typed").containsExactly("train");
        type("\n");
        assertThat(shown()).containsExactly("train");
        model.key(Key.ESCAPE);
        assertThat(shown()).hasSize(4);
    }

    @Test
    void theChosenOneIsTheSameWhereverItStands() throws IOException {
        model.key(Key.DOWN);
        model.key(Key.DOWN);
        assertThat(model.chosen().map(Sample::id)).contains("0a52d7c96e1f43b8");
        type("ssss");
        assertThat(model.chosenAt()).isZero();
        assertThat(model.chosen().map(Sample::id)).contains("0a52d7c96e1f43b8");
        model.key(Key.UP);
        assertThat(model.chosenAt()).isZero();
        model.look(List.of(), List.of(TopScreenTest.session("99aa", "idle", 0, 1, 0, 0)), Instant.EPOCH, 1);
        assertThat(model.chosen().map(Sample::id)).as("when it has gone").contains("99aa");
    }

    @Test
    void aResizeIsOfTheChosenOneWithWhatWasTyped() {
        model.key(Key.DOWN);
        assertThat(type("r")).isEmpty();
        assertThat(model.typed()).isEqualTo("4GB");
        model.key(Key.CTRL_U);
        assertThat(type("6GBx")).isEmpty();
        model.key(Key.BACKSPACE);
        assertThat(type("\n")).containsExactly(new Effect.Resize("77c0ffee12345678", "6GB"));
        assertThat(model.mode()).isEqualTo(TopModel.Mode.LIST);
        type("r");
        assertThat(model.key(Key.ESCAPE)).isEmpty();
        assertThat(type("\n")).isEmpty();
    }

    @Test
    void nothingIsEndedButByAYes() {
        assertThat(type("en")).isEmpty();
        assertThat(type("e\n")).isEmpty();
        assertThat(type("ey")).containsExactly(new Effect.End("3f6d0c1be5a24897"));
    }

    @Test
    void withoutSessionsThereIsNothingToChoose() {
        model.look(List.of(), List.of(), Instant.EPOCH, 1);
        assertThat(type("rejkG")).isEmpty();
        assertThat(model.mode()).isEqualTo(TopModel.Mode.LIST);
        assertThat(type("q")).containsExactly(new Effect.Quit());
    }

    @Test
    void ratesAreOfTheTimeBetweenTwoLooks() throws IOException {
        assertThat(model.shown().getFirst().allocationsPerSecond()).hasValue(1200);
        TopModel first = new TopModel();
        first.look(List.of(), List.of(TopScreenTest.session("ff", "x", 0, 1, 9, 0)), Instant.EPOCH, 1);
        assertThat(first.shown().getFirst().allocationsPerSecond()).isEmpty();
    }

    @Test
    void keysThatAreNoCharactersAreUnderstood() throws IOException {
        assertThat(keys("\033[A\033OB\033[H\033[4~\033[1;5C\033xq\n\b"))
                .containsExactly(
                        Key.UP, Key.DOWN, Key.HOME, Key.END, Key.OTHER, Key.OTHER, (int) 'q', Key.ENTER, Key.BACKSPACE);
        assertThat(keys("\033")).containsExactly(Key.ESCAPE);
    }

    private static List<Integer> keys(String sent) throws IOException {
        Deque<Integer> characters = new ArrayDeque<>(sent.chars().boxed().toList());
        List<Integer> keys = new ArrayList<>();
        for (int key = Key.OTHER; key != Key.NONE; ) {
            key = Key.next(_ -> Optional.ofNullable(characters.poll()).orElse(-1), 1);
            keys.add(key);
        }
        return keys.subList(0, keys.size() - 1);
    }
}
