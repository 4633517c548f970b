// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.wire.ErrorCode;
import io.swagger.v3.parser.OpenAPIV3Parser;
import io.swagger.v3.parser.core.models.ParseOptions;
import io.swagger.v3.parser.core.models.SwaggerParseResult;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.pekko.http.javadsl.model.HttpEntity;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** openapi.yaml is OpenAPI, describes every endpoint and nothing else, and what it says of answers is so. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OpenApiTest {

    private static final String HERE = "Host: localhost";
    private static final String RIGHT = "Authorization: " + Bound.BEARER;
    private static final String JSON = "Content-Type: application/json";
    private static final String LIMIT = "{\"limit\":\"8GB\"}";

    private Bound bound;
    private Description description;

    @BeforeAll
    void start() throws Exception {
        bound = new Bound(0);
        Raw served = Raw.exchange(bound.url(), Raw.get("/openapi.yaml", HERE));
        assertThat(served.header("Content-Type")).isEqualTo("application/yaml");
        description = Description.of(served.body());
    }

    @AfterAll
    void stop() {
        bound.close();
    }

    // ------------------------------------------------------------ the document

    @Test
    void itIsOpenApi() {
        JsonNode shape = Description.yaml(Document.resource("openapi-shape.yaml"));

        assertThat(Description.errors(shape, description.root())).isEmpty();
    }

    @Test
    void whoeverReadsOpenApiReadsAllOfIt() {
        SwaggerParseResult read =
                new OpenAPIV3Parser().readContents(Document.resource("openapi.yaml"), null, new ParseOptions());

        assertThat(read.getMessages()).isEmpty();
        assertThat(read.getOpenAPI().getPaths().keySet())
                .containsExactlyInAnyOrderElementsOf(description
                        .root()
                        .at("/paths")
                        .propertyStream()
                        .map(Map.Entry::getKey)
                        .toList());
    }

    /** As much as can be seen without knowing what it describes. */
    @Test
    void itsShapeIsLookedAtInEarnest() throws Exception {
        JsonNode shape = Description.yaml(Document.resource("openapi-shape.yaml"));
        String text = Document.resource("openapi.yaml");
        for (List<String> wrong : List.of(
                List.of("operationId: index", "operation: index"),
                List.of("in: query", "in: body"),
                List.of("required: true\n        description: An error code", "description: An error code"),
                List.of("type: boolean", "type: bool"),
                List.of("description: The session has ended.", "summary: The session has ended."),
                List.of("\"200\":", "200 OK:"))) {
            assertThat(text).contains(wrong.getFirst());
            JsonNode broken = Description.yaml(text.replace(wrong.getFirst(), wrong.getLast()));
            assertThat(Description.errors(shape, broken)).as(wrong.getLast()).isNotEmpty();
        }
    }

    @Test
    void everythingThatIsReferredToIsThereAndEverythingThatIsThereIsReferredTo() {
        Set<String> referred = new TreeSet<>();
        description.root().findValues("$ref").forEach(each -> referred.add(each.asText()));
        // In words, of what a stream's events hold.
        Pattern.compile("#/components/schemas/\\w+")
                .matcher(description.root().at("/components/responses/Events").toString())
                .results()
                .map(MatchResult::group)
                .forEach(referred::add);
        Set<String> there = new TreeSet<>();
        description.root().at("/components").properties().forEach(kind -> {
            if (!kind.getKey().equals("securitySchemes")) {
                kind.getValue()
                        .fieldNames()
                        .forEachRemaining(name -> there.add("#/components/" + kind.getKey() + "/" + name));
            }
        });

        assertThat(referred).isEqualTo(there);
    }

    @Test
    void everyExampleIsWhatItIsAnExampleOf() {
        List<String> examples = new ArrayList<>();
        description.root().findParents("example").forEach(parent -> {
            if (parent.has("schema")) {
                description.check(parent.get("schema"), parent.get("example"), "example");
                examples.add(parent.get("example").toString());
            }
        });

        assertThat(examples).hasSizeGreaterThan(30);
    }

    @Test
    void everyEndpointIsDescribedAndNothingElse() {
        assertThat(description.operations().keySet())
                .isEqualTo(Arrays.stream(Endpoint.values())
                        .map(Endpoint::toString)
                        .collect(Collectors.toCollection(TreeSet::new)));
        assertThat(description.operations().values().stream()
                        .map(operation -> operation.at("/operationId").asText()))
                .doesNotHaveDuplicates();
    }

    @ParameterizedTest
    @EnumSource
    void whoMayAskIsDescribed(Endpoint endpoint) {
        JsonNode said = description.operation(endpoint).path("security");
        String expected = switch (endpoint.audience()) {
            case EVERYBODY -> "[]";
            case OPERATOR -> "[{\"bearer\":[]}]";
            // As everywhere, unless it says so.
            case THIS_MACHINE, OWNERS -> "";
        };

        assertThat(said.isMissingNode() ? "" : said.toString()).isEqualTo(expected);
        assertThat(description.root().at("/security").toString()).isEqualTo("[{\"bearer\":[]},{}]");
    }

    @ParameterizedTest
    @EnumSource
    void everyPartOfAPathThatStandsForAnyIsAParameter(Endpoint endpoint) {
        assertThat(description.parameters(endpoint).stream()
                        .filter(parameter -> parameter.at("/in").asText().equals("path"))
                        .map(parameter -> "{" + parameter.at("/name").asText() + "}"))
                .containsExactlyElementsOf(Pattern.compile("\\{\\w+}")
                        .matcher(endpoint.path())
                        .results()
                        .map(MatchResult::group)
                        .toList());
    }

    /** What is not described is refused: that is {@link Request#takes}. Here: what is described is taken. */
    @ParameterizedTest
    @EnumSource
    void everyParameterOfAQueryIsTaken(Endpoint endpoint) throws Exception {
        for (JsonNode parameter : description.parameters(endpoint)) {
            if (parameter.at("/in").asText().equals("query")) {
                String name = parameter.at("/name").asText();
                Raw answer = asked(endpoint, "train", name + "=x", HERE, RIGHT);
                assertThat(answer.body()).as(name).doesNotContain("is unknown at");
            }
        }
    }

    @Test
    void theWordsAreThoseOfTheCode() {
        assertThat(texts("ErrorCode/enum")).containsExactlyElementsOf(names(ErrorCode.values()));
        assertThat(texts("Problem/properties/type/enum"))
                .containsExactlyElementsOf(Arrays.stream(ErrorCode.values())
                        .map(code -> Problem.PAGES + Problem.slug(code))
                        .toList());
        assertThat(texts("Operation/enum")).containsExactlyElementsOf(names(Operation.values()));
    }

    private List<String> texts(String path) {
        return StreamSupport.stream(
                        description.root().at("/components/schemas/" + path).spliterator(), false)
                .map(JsonNode::asText)
                .toList();
    }

    private static List<String> names(Object[] values) {
        return Arrays.stream(values).map(Object::toString).toList();
    }

    // ------------------------------------------------------------- the answers

    /** Statuses that another test sees: of a body that does not come, and of another machine. */
    private static final Set<Integer> ELSEWHERE = Set.of(408, 429);

    /** Every status that is described is brought about, and the answer held against the description. */
    @ParameterizedTest
    @EnumSource
    void everyAnswerIsAsItIsDescribed(Endpoint endpoint) throws Exception {
        Map<Integer, Raw> seen = new TreeMap<>();
        for (Raw answer : answers(endpoint)) {
            description.check(endpoint, answer);
            seen.put(answer.status(), answer);
        }

        Set<Integer> described = new TreeSet<>();
        description.operation(endpoint).at("/responses").fieldNames().forEachRemaining(status -> {
            if (!status.equals("default")) {
                described.add(Integer.parseInt(status));
            }
        });
        described.removeAll(ELSEWHERE);
        if (endpoint.formats().contains(Format.EVENT_STREAM)) {
            // More streams than there may be.
            described.remove(503);
        }
        if (!endpoint.path().contains("{id}") && endpoint != Endpoint.OPEN) {
            // The list of sessions answers, or nobody does: HttpServerTest.
            described.remove(500);
        }
        assertThat(seen.keySet()).isEqualTo(described);
    }

    private List<Raw> answers(Endpoint endpoint) throws Exception {
        List<Raw> answers = new ArrayList<>();
        answers.add(asked(endpoint, segment(endpoint), "", HERE, RIGHT));
        if (endpoint.audience() != Endpoint.Audience.EVERYBODY) {
            answers.add(asked(endpoint, "train", "", HERE, "Authorization: Bearer wrong"));
            answers.add(asked(endpoint, "train", "", "Host: evil.example"));
        }
        if (!endpoint.formats().contains(Format.FILE)) {
            answers.add(asked(endpoint, segment(endpoint), "", HERE, RIGHT, "Accept: image/png"));
        }
        if (endpoint.audience() == Endpoint.Audience.OWNERS || endpoint.audience() == Endpoint.Audience.OPERATOR) {
            answers.add(asked(endpoint, "train", "color=red", HERE, RIGHT));
        }
        if (endpoint.path().contains("{id}")) {
            for (ErrorCode code : List.of(
                    ErrorCode.SESSION_UNKNOWN, ErrorCode.SESSION_CLOSED, ErrorCode.FORBIDDEN, ErrorCode.INTERNAL)) {
                answers.add(asked(endpoint, code.name(), "", HERE, RIGHT));
            }
        }
        switch (endpoint) {
            case INDEX -> {
                answers.add(asked(endpoint, "", "", HERE, "Accept: text/html"));
                answers.add(asked(endpoint, "", "", HERE, "Accept: text/html", "If-None-Match: *"));
            }
            case OPENAPI, PROBLEMS, PROBLEM, DASHBOARD -> {
                answers.add(asked(endpoint, segment(endpoint), "", HERE, "If-None-Match: *"));
                if (endpoint.path().contains("{")) {
                    answers.add(asked(endpoint, "nothing", "", HERE));
                }
                if (endpoint.formats().contains(Format.HTML)) {
                    answers.add(asked(endpoint, segment(endpoint), "", HERE, "Accept: text/html"));
                }
            }
            case OPEN -> {
                for (ErrorCode code : List.of(
                        ErrorCode.QUOTA_EXCEEDED, ErrorCode.OVERLOADED, ErrorCode.FORBIDDEN, ErrorCode.INTERNAL)) {
                    answers.add(
                            sent(endpoint, "", JSON, "{\"limit\":\"8GB\",\"name\":\"" + code + "\",\"ttl\":\"2h\"}"));
                }
                refusedBodies(endpoint, answers);
            }
            case UPDATE -> {
                answers.add(asked(endpoint, "train", "", HERE, RIGHT, "If-Match: \"v0\""));
                answers.add(asked(endpoint, ErrorCode.QUOTA_EXCEEDED.name(), "", HERE, RIGHT));
                refusedBodies(endpoint, answers);
            }
            case REMOVE -> {
                answers.add(asked(endpoint, "train", "", HERE, RIGHT, "If-Match: \"v0\""));
                answers.add(asked(endpoint, "busy", "", HERE, RIGHT));
            }
            case METRICS -> {
                bound.metrics = CompletableFuture.failedFuture(new IOException("no disk"));
                answers.add(asked(endpoint, "", "", HERE));
            }
            case READY -> {
                bound.problems = CompletableFuture.completedFuture(List.of("the disk is full"));
                answers.add(asked(endpoint, "", "", HERE));
            }
            case INFO, DEVICES, LIST, INSPECT, ALLOCATIONS, SESSION_HISTORY, HISTORY, EVENTS, SESSION_EVENTS, LIVE -> {
                // Nothing else to be seen.
            }
        }
        return answers;
    }

    private void refusedBodies(Endpoint endpoint, List<Raw> answers) throws IOException {
        answers.add(sent(endpoint, "train", "Content-Type: text/plain", LIMIT));
        answers.add(sent(endpoint, "train", JSON, " ".repeat(Problem.MOST_BYTES + 1)));
        answers.add(sent(endpoint, "train", JSON, "{\"colour\":\"red\"}"));
    }

    private static String segment(Endpoint endpoint) {
        return switch (endpoint) {
            case PROBLEM -> "quota-exceeded";
            case DASHBOARD -> "style.css";
            default -> "train";
        };
    }

    /** With a body that makes sense where one is wanted. */
    private Raw asked(Endpoint endpoint, String segment, String query, String... headers) throws IOException {
        boolean body = endpoint == Endpoint.OPEN || endpoint == Endpoint.UPDATE;
        List<String> all = new ArrayList<>(List.of(headers));
        if (body) {
            all.addAll(List.of(JSON, "Content-Length: " + LIMIT.length()));
        }
        String target = endpoint.path().replaceFirst("\\{\\w+}", segment) + (query.isEmpty() ? "" : "?" + query);
        return Raw.exchange(
                bound.url(), Raw.request(endpoint.method(), target, all.toArray(String[]::new)) + (body ? LIMIT : ""));
    }

    private Raw sent(Endpoint endpoint, String segment, String type, String body) throws IOException {
        return Raw.exchange(
                bound.url(),
                Raw.request(
                                endpoint.method(),
                                endpoint.path().replaceFirst("\\{\\w+}", segment),
                                HERE,
                                RIGHT,
                                type,
                                "Content-Length: " + body.length())
                        + body);
    }

    /** Of a path that has no such method, whichever it is. */
    @Test
    void whatIsNotPossibleSomewhereIsAProblemToo() throws Exception {
        Raw answer = Raw.exchange(bound.url(), Raw.request("DELETE", "/devices", HERE, RIGHT));

        assertThat(answer.status()).isEqualTo(405);
        description.check(description.schema("Problem"), answer.json(), "405");
    }

    /** As it goes out; who comes to hear it is {@link CrowdTest}'s. */
    @Test
    void aStreamTooManyIsRefusedAsItIsDescribed() throws Exception {
        HttpResponse refusal = Responses.tooManyStreams();
        String body = ((HttpEntity.Strict) refusal.entity()).getData().utf8String();

        assertThat(refusal.status().intValue()).isEqualTo(503);
        description.check(description.schema("Problem"), Description.yaml(body), "503");
        assertThat(body).contains("too many streams of events are open");
    }

    @ParameterizedTest
    @EnumSource(
            value = Endpoint.class,
            names = {"EVENTS", "SESSION_EVENTS"})
    void whatAStreamTellsIsAsItIsDescribed(Endpoint endpoint) throws Exception {
        try (EventStream stream = new EventStream(bound.url(), endpoint.path().replace("{id}", "train"), RIGHT)) {
            assertThat(stream.status()).contains("200");
            bound.recent.happened(Happenings.said(Operation.RESIZE, Optional.of(Bound.ID), 0));
            EventStream.Block resized = stream.next("resize");
            description.check(description.schema("Event"), resized.data(), "resize");
            bound.used = endpoint == Endpoint.EVENTS ? 6 : 4;
            bound.clock.pass(Duration.ofSeconds(1));
            bound.api.beat();
            description.check(description.schema("Usage"), stream.next("usage").data(), "usage");
        }
    }
}
