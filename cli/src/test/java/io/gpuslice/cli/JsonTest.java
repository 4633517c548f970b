// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    private static final String ALL =
            "{\"s\":\"ü\\n\",\"n\":9223372036854775807,\"d\":1.5,\"t\":true,\"f\":false,\"z\":null,\"a\":[1,\"x\",{\"y\":[]}],\"o\":{}}";

    @Test
    void whatIsReadIsWrittenBack() throws Exception {
        assertThat(Json.parse(ALL).compact()).isEqualTo(ALL);
        assertThat(Json.parse(Json.pretty(Json.parse(ALL)))).isEqualTo(Json.parse(ALL));
    }

    @Test
    void prettyIsForPeople() throws Exception {
        assertThat(Json.pretty(List.of(Json.parse("{\"a\":1,\"b\":[],\"c\":{\"d\":[true]}}"))))
                .isEqualTo("""
                        [
                          {
                            "a": 1,
                            "b": [],
                            "c": {
                              "d": [
                                true
                              ]
                            }
                          }
                        ]""");
    }

    @Test
    void whatIsAbsentOrOfAnotherTypeGivesTheFallback() throws Exception {
        Json json = Json.parse(ALL);
        assertThat(json.number("none", 7)).isEqualTo(7);
        assertThat(json.number("s", 7)).isEqualTo(7);
        assertThat(json.text("z", "-")).isEqualTo("-");
        assertThat(json.has("z")).isFalse();
        assertThat(json.objects("s")).isEmpty();
        assertThat(json.objects("a")).hasSize(1);
        assertThat(json.texts("a")).containsExactly("x");
        assertThat(json.object("n")).isEqualTo(json.object("none"));
        assertThat(json.is("t")).isTrue();
        assertThat(json.is("s")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "1", "{", "{\"a\":}", "null", "{\"n\":92233720368547758080}"})
    void whatIsNoObjectIsRefused(String text) {
        assertThatThrownBy(() -> Json.parse(text)).isInstanceOf(IOException.class);
    }
}
