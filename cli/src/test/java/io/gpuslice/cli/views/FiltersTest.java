// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.cli.Failure;
import io.gpuslice.cli.Json;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code --filter} of sessions and of events. */
class FiltersTest {
    private static final String SESSION = """
        {"id":"3f6d0c1be5a24897","name":"train-1","state":"ACTIVE","uid":1000,
         "devices":[{"uuid":"GPU-aa11","index":1}],"processes":[{"pid":42}],"unenforced":[]}\
        """;

    @ParameterizedTest
    @CsvSource({
        "id=3f6d, true",
        "id=f6d, false",
        "name=train-1, true",
        "name=train, false",
        "name=train*, true",
        "name=*-1, true",
        "name=tr.in-1, false",
        "state=active, true",
        "state=ACTIVE, true",
        "state=expired, false",
        "state=unenforced, false",
        "uid=1000, true",
        "uid=100, false",
        "device=1, true",
        "device=GPU-aa, true",
        "device=0, false",
        "pid=42, true",
        "pid=4, false"
    })
    void aSessionIsShownIfItFits(String filter, boolean fits) throws Exception {
        assertThat(SessionFilter.of(List.of(filter)).test(Json.parse(SESSION))).isEqualTo(fits);
    }

    @Test
    void eachKeyMustFitByOneOfItsValues() throws Exception {
        Json session = Json.parse(SESSION);
        assertThat(SessionFilter.of(List.of())).accepts(session);
        assertThat(SessionFilter.of(List.of("uid=1", "uid=1000", "pid=42"))).accepts(session);
        assertThat(SessionFilter.of(List.of("uid=1", "uid=1000", "pid=43"))).rejects(session);
        assertThat(SessionFilter.of(List.of("state=unenforced"))).accepts(Json.parse("{\"unenforced\":[{\"pid\":1}]}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"state", "state=", "=x", "state=closed", "uid=ann", "sate=active", "pid=-1"})
    void aFilterThatMakesNoSenseNamesTheKeys(String filter) {
        assertThatThrownBy(() -> SessionFilter.of(List.of(filter)))
                .isInstanceOf(Failure.class)
                .extracting(failure -> ((Failure) failure).forPeople())
                .asString()
                .contains("state (active, expired, or unenforced", "uid (its owner's number)");
    }

    @Test
    void aMistypedKeyIsPutRight() {
        assertThatThrownBy(() -> SessionFilter.of(List.of("sate=active")))
                .extracting(failure -> ((Failure) failure).forPeople())
                .asString()
                .contains("did you mean state?");
        assertThatThrownBy(() -> EventFilter.of(List.of("opertion=deny")))
                .extracting(failure -> ((Failure) failure).forPeople())
                .asString()
                .contains("did you mean operation?", "error_code");
    }

    @Test
    void eventsAreToldByTheirFields() throws Exception {
        Json event = Json.parse("{\"operation\":\"deny\",\"result\":\"denied\",\"pid\":42}");
        assertThat(EventFilter.of(List.of("operation=deny", "operation=grant", "pid=42")))
                .accepts(event);
        assertThat(EventFilter.of(List.of("result=ok"))).rejects(event);
    }

    @Test
    void anEventIsALine() throws IOException {
        assertThat(EventText.line(Json.parse("""
            {"number":17,"time":"2026-11-22T12:00:09.000250Z","session_id":"3f6d0c1be5a24897","pid":42,"operation":"deny",
             "device":"GPU-aa","bytes":1073741824,"result":"denied","error_code":"QUOTA_EXCEEDED","detail":"a\\u001bb"}\
            """)))
                .isEqualTo("2026-11-22T12:00:09.000Z 3f6d0c1be5a24897 deny       denied   pid 42  1.0 GiB  GPU-aa"
                        + "  QUOTA_EXCEEDED  a?b");
    }
}
