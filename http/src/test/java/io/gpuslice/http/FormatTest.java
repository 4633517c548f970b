// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An answer is written in what the client likes best of what there is. */
class FormatTest {

    private static final String HOST = "Host: localhost";
    private static final String RIGHT = "Authorization: " + Bound.BEARER;

    private static Bound bound;

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        bound = new Bound(0);
    }

    @AfterAll
    static void stop() {
        bound.close();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/ | */* | application/json",
                "/ | text/html | text/html; charset=UTF-8",
                "/ | text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8 | text/html; charset=UTF-8",
                "/ | text/html;q=0.5, application/json | application/json",
                "/ | text/html;q=0.5, application/json;q=0.4 | text/html; charset=UTF-8",
                "/ | text/html, application/json | application/json",
                "/ | text/*;q=0.1, */*;q=0 | text/html; charset=UTF-8",
                "/events | application/json | application/json",
                "/events | application/*, text/event-stream;q=0.9 | application/json",
                "/problems | */* | text/markdown; charset=UTF-8",
                "/problems | text/markdown;q=0.2, text/html | text/html; charset=UTF-8",
                "/openapi.yaml | application/* | application/yaml",
                "/metrics | text/plain;version=0.0.4;q=0.5,*/*;q=0.1 | text/plain; version=0.0.4; charset=UTF-8"
            })
    void theClientChooses(String path, String accept, String type) throws Exception {
        Raw answer = Raw.exchange(bound.url(), Raw.get(path, HOST, RIGHT, "Accept: " + accept));

        assertThat(answer.status()).as(answer.head()).isEqualTo(200);
        assertThat(answer.header("Content-Type")).isEqualTo(type);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/ | image/png | application/json or text/html",
                "/events | text/html | application/json or text/event-stream",
                "/sessions | text/html | application/json",
                "/sessions | application/json;q=0 | application/json",
                "/openapi.yaml | application/json | application/yaml"
            })
    void whatNobodyHasIsRefusedWithWhatThereIs(String path, String accept, String had) throws Exception {
        Raw answer = Raw.exchange(bound.url(), Raw.get(path, HOST, RIGHT, "Accept: " + accept));

        assertThat(answer.status()).isEqualTo(406);
        assertThat(answer.json().at("/detail").asText())
                .isEqualTo("GET " + path + " answers with " + had + " alone: accept it");
    }

    @Test
    void whereThereIsAChoiceACacheIsToldSo() throws Exception {
        assertThat(Raw.exchange(bound.url(), Raw.get("/", HOST)).header("Vary")).contains("Accept");
        assertThat(Raw.exchange(bound.url(), Raw.get("/problems", HOST)).header("Vary"))
                .contains("Accept");
        assertThat(Raw.exchange(bound.url(), Raw.get("/sessions", HOST, RIGHT)).header("Vary"))
                .isEmpty();
    }
}
