// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static io.gpuslice.http.Endpoint.Audience.EVERYBODY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.http.Endpoint.Audience;
import io.gpuslice.linux.PrivateDirectory;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may ask what from this machine; from others it is {@link DoorTest}'s. */
class AccessTest {

    private static final int SERVING = 65531;
    private static final int STRANGER = 65533;
    private static final String LOCALHOST = "Host: localhost:8747";
    private static final String RIGHT = "Authorization: " + Bound.BEARER;
    private static final String WRONG = "Authorization: Bearer " + "0123456789abcdef-taken";

    private final Bound bound;

    AccessTest() throws IOException, InterruptedException {
        bound = new Bound(isRoot() ? SERVING : PrivateDirectory.uid());
    }

    private static boolean isRoot() {
        return PrivateDirectory.uid() == 0;
    }

    @AfterEach
    void stop() {
        bound.close();
    }

    /** The daemon's own user is this one where the tests do not run as root; then it is root that this checks. */
    @ParameterizedTest
    @ValueSource(strings = {"/", "/info", "/devices", "/sessions", "/sessions/train", "/metrics", "/health/ready"})
    void theDaemonsUserAndRootSeeEverythingWithoutAToken(String path) throws Exception {
        assertThat(Raw.exchange(bound.url(), Raw.get(path, LOCALHOST)).status()).isEqualTo(200);
        assertThat(bound.occurrences).isEmpty();
    }

    @Test
    void theKernelSaysWhoAsks() throws Exception {
        Raw.exchange(bound.url(), Raw.get("/sessions", LOCALHOST));

        Sessions.ListAll list = bound.asked.expectMessageClass(Sessions.ListAll.class);
        assertThat(list.caller().uid()).isEqualTo(PrivateDirectory.uid());
        assertThat(list.caller().operator()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({"POST, /sessions", "PATCH, /sessions/train", "DELETE, /sessions/train?force=true"})
    void nobodyChangesAnythingWithoutTheToken(String method, String target) throws Exception {
        String body = "Content-Length: 0";

        Raw without = Raw.exchange(bound.url(), Raw.request(method, target, LOCALHOST, body));
        assertUnauthenticated(without, "changes something");
        assertUnauthenticated(
                Raw.exchange(bound.url(), Raw.request(method, target, LOCALHOST, body, WRONG)), "not this daemon's");
        assertUnauthenticated(
                Raw.exchange(bound.url(), Raw.request(method, target, LOCALHOST, body, "Authorization: Basic eDp5")),
                "only Authorization: Bearer");
        bound.asked.expectNoMessage();
        assertThat(bound.occurrences).hasSize(3).allSatisfy(AccessTest::isARefusedLogin);
        assertThat(bound.occurrences).extracting(Occurrence::uid).containsOnly(PrivateDirectory.uid());
    }

    @ParameterizedTest
    @CsvSource({"DELETE, /sessions/train, 200", "POST, /sessions, 400", "PATCH, /sessions/train, 400", "GET, /info, 200"
    })
    void theTokenOpensTheDoor(String method, String target, int status) throws Exception {
        Raw answer = Raw.exchange(bound.url(), Raw.request(method, target, LOCALHOST, "Content-Length: 0", RIGHT));

        assertThat(answer.status()).isEqualTo(status);
        assertThat(bound.occurrences).isEmpty();
    }

    @Test
    void whoShowsTheTokenIsTheOperator() throws Exception {
        Raw.exchange(bound.url(), Raw.get("/sessions", LOCALHOST, "Authorization: bearer " + Bound.TOKEN));

        assertThat(bound.asked
                        .expectMessageClass(Sessions.ListAll.class)
                        .caller()
                        .operator())
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/info", "/sessions", "/metrics"})
    void aWrongTokenIsNeverPassedOver(String path) throws Exception {
        assertUnauthenticated(
                Raw.exchange(bound.url(), Raw.get(path, LOCALHOST, WRONG)), "the token is not this daemon's");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "evil.example",
                "evil.example:8747",
                "localhost.evil.example",
                "192.0.2.1",
                "127.0.0.1.evil.example"
            })
    void aPageThatHadItsNamePointHereLearnsNothing(String host) throws Exception {
        for (String path : List.of("/", "/info", "/sessions", "/metrics", "/devices", "/sessions/train/allocations")) {
            Raw answer = Raw.exchange(bound.url(), Raw.get(path, "Host: " + host));
            assertThat(answer.status()).as(path).isEqualTo(421);
            assertThat(answer.json().at("/error_code").asText()).isEqualTo("FORBIDDEN");
            assertThat(answer.json().at("/detail").asText()).contains("use localhost or 127.0.0.1, or show the token");
        }
        bound.asked.expectNoMessage();
        assertThat(Raw.exchange(bound.url(), Raw.get("/health/live", "Host: " + host))
                        .status())
                .isEqualTo(200);
        assertThat(Raw.exchange(bound.url(), Raw.get("/info", "Host: " + host, RIGHT))
                        .status())
                .isEqualTo(200);
    }

    /** 0.0.0.0 reaches this machine, and a browser takes it for another site; before HTTP/1.1 nobody had to say a name. */
    @ParameterizedTest
    @ValueSource(strings = {"Host: 0.0.0.0", "Host: [::]", "Host: localhost.", "Host: 2130706433x", "Host:", "X: y"})
    void aRequestThatDoesNotNameThisMachineLearnsNothing(String host) throws Exception {
        Raw answer = Raw.exchange(bound.url(), Raw.get("/sessions", host).replace("HTTP/1.1", "HTTP/1.0"));

        assertThat(answer.status()).isIn(400, 421);
        assertThat(answer.body()).doesNotContain("train");
        bound.asked.expectNoMessage();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/sessions", "/metrics", "/health/live"})
    void noPageOfAnotherSiteMayReadAnAnswerOrHoldIt(String path) throws Exception {
        String origin = "Origin: http://evil.example";
        for (Raw answer : List.of(
                Raw.exchange(bound.url(), Raw.get(path, LOCALHOST, origin)),
                Raw.exchange(
                        bound.url(),
                        Raw.request(
                                "OPTIONS",
                                path,
                                LOCALHOST,
                                origin,
                                "Access-Control-Request-Method: GET",
                                "Access-Control-Request-Headers: authorization",
                                "Access-Control-Request-Private-Network: true")))) {
            assertThat(answer.status()).isIn(200, 204);
            assertThat(answer.head().toLowerCase(Locale.ROOT)).doesNotContain("access-control-");
            assertThat(answer.header("Cross-Origin-Resource-Policy")).isEqualTo("same-origin");
            assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
        }
    }

    /** What a form of another site can send without asking first: it has no token. */
    @Test
    void aFormOfAnotherSiteChangesNothing() throws Exception {
        for (String type : List.of("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")) {
            String body = "{\"limit\":\"8GB\"}";
            assertUnauthenticated(
                    Raw.exchange(
                            bound.url(),
                            Raw.request(
                                            "POST",
                                            "/sessions",
                                            LOCALHOST,
                                            "Origin: http://evil.example",
                                            "Content-Type: " + type,
                                            "Content-Length: " + body.length())
                                    + body),
                    "changes something");
        }
        bound.asked.expectNoMessage();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:8747", "127.1.2.3", "[::1]", "[::1]:8747"})
    void theseNamesMeanThisMachine(String host) throws Exception {
        assertThat(Raw.exchange(bound.url(), Raw.get("/info", "Host: " + host)).status())
                .isEqualTo(200);
    }

    /** Whoever it is, and whatever is asked: 401 and 421 are the door's, everything else comes from behind it. */
    @ParameterizedTest
    @EnumSource
    void everyEndpointIsOpenToItsAudienceAndToNobodyElse(Endpoint endpoint) throws Exception {
        Audience audience = endpoint.audience();
        assertThat(isLetIn(endpoint, LOCALHOST)).as("the daemon's user").isEqualTo(audience != Audience.OPERATOR);
        assertThat(isLetIn(endpoint, "Host: evil.example")).as("a foreign page").isEqualTo(audience == EVERYBODY);
        assertThat(isLetIn(endpoint, LOCALHOST, WRONG)).as("a wrong token").isEqualTo(audience == EVERYBODY);
        assertThat(isLetIn(endpoint, LOCALHOST, RIGHT)).as("the token").isTrue();
        assertThat(isLetIn(endpoint, "Host: evil.example", RIGHT))
                .as("the token by any name")
                .isTrue();
        if (isRoot()) {
            boolean harmless = audience == EVERYBODY || audience == Audience.THIS_MACHINE;
            assertThat(passes(as(STRANGER, request(endpoint, LOCALHOST))))
                    .as("a stranger")
                    .isEqualTo(harmless);
            assertThat(passes(as(Bound.OWNER, request(endpoint, LOCALHOST))))
                    .as("an owner")
                    .isEqualTo(audience != Audience.OPERATOR);
        }
    }

    private boolean isLetIn(Endpoint endpoint, String... headers) throws IOException {
        return passes(Raw.exchange(bound.url(), request(endpoint, headers)));
    }

    private static boolean passes(Raw answer) {
        assertThat(answer.status()).isNotZero();
        return answer.status() != 401 && answer.status() != 421;
    }

    private static String request(Endpoint endpoint, String... headers) {
        List<String> all = new ArrayList<>(List.of(headers));
        all.add("Content-Length: 0");
        return Raw.request(
                endpoint.method(), endpoint.path().replaceFirst("\\{\\w+}", "train"), all.toArray(String[]::new));
    }

    /** Its page: of the index, JSON is not for strangers to this machine. */
    @Test
    void theDashboardsPageIsForEverybody() throws Exception {
        String page = "Accept: text/html";

        assertThat(Raw.exchange(bound.url(), Raw.get("/", "Host: evil.example", page))
                        .status())
                .isEqualTo(200);
        assertThat(Raw.exchange(bound.url(), Raw.get("/", LOCALHOST, WRONG, page))
                        .status())
                .isEqualTo(200);
        assertThat(Raw.exchange(bound.url(), Raw.get("/", "Host: evil.example")).status())
                .isEqualTo(421);
    }

    @ParameterizedTest
    @CsvSource({
        SERVING + ", /sessions, 200",
        SERVING + ", /info, 200",
        Bound.OWNER + ", /sessions, 200",
        Bound.OWNER + ", /sessions/train, 200",
        Bound.OWNER + ", /devices, 200",
        STRANGER + ", /sessions, 401",
        STRANGER + ", /sessions/train, 401",
        STRANGER + ", /sessions/train/allocations, 401",
        STRANGER + ", /info, 401",
        STRANGER + ", /devices, 401",
        STRANGER + ", /, 200",
        STRANGER + ", /metrics, 200",
        STRANGER + ", /health/live, 200",
        STRANGER + ", /health/ready, 200"
    })
    void anotherUserSeesWhatIsItsOwn(int uid, String path, int status) throws Exception {
        Raw answer = as(uid, Raw.get(path, LOCALHOST));

        assertThat(answer.status()).isEqualTo(status);
        if (status == 401) {
            assertUnauthenticated(answer, "uid " + uid + " has no session here");
            assertThat(bound.occurrences).singleElement().satisfies(AccessTest::isARefusedLogin);
            assertThat(bound.occurrences.getFirst().uid()).isEqualTo(uid);
            assertThat(bound.occurrences.getFirst().detail())
                    .contains("HTTP GET ")
                    .contains("127.0.0.1:");
        }
    }

    @Test
    void anotherUserWithTheTokenIsTheOperatorAndOwnsWhatItOpens() throws Exception {
        String body = "{\"limit\":\"8GB\"}";
        Raw answer = as(
                STRANGER,
                Raw.request(
                                "POST",
                                "/sessions",
                                LOCALHOST,
                                RIGHT,
                                "Content-Type: application/json",
                                "Content-Length: " + body.length())
                        + body);

        assertThat(answer.status()).isEqualTo(201);
        Sessions.Open open = bound.asked.expectMessageClass(Sessions.Open.class);
        assertThat(open.caller().uid()).isEqualTo(STRANGER);
        assertThat(open.caller().operator()).isTrue();
    }

    /** What another user of this machine gets for {@code request}. */
    private Raw as(int uid, String request) throws IOException, InterruptedException {
        assumeThat(isRoot()).as("only root can be another user").isTrue();
        Process process = new ProcessBuilder(
                        "setpriv",
                        "--reuid=" + uid,
                        "--regid=" + uid,
                        "--clear-groups",
                        "bash",
                        "-c",
                        "exec 3<>/dev/tcp/127.0.0.1/$1 && cat >&3 && cat <&3",
                        "bash",
                        String.valueOf(bound.url().getPort()))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (var in = process.getOutputStream()) {
            in.write(request.getBytes(StandardCharsets.US_ASCII));
        }
        Raw answer = Raw.of(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        return answer;
    }

    private static void assertUnauthenticated(Raw answer, String because) throws IOException {
        assertThat(answer.status()).as(answer.head()).isEqualTo(401);
        assertThat(answer.header("WWW-Authenticate")).isEqualTo("Bearer realm=\"gpuslice\"");
        assertThat(answer.json().at("/error_code").asText()).isEqualTo("UNAUTHENTICATED");
        assertThat(answer.json().at("/detail").asText()).contains(because).contains("Authorization: Bearer TOKEN");
    }

    private static void isARefusedLogin(Occurrence occurrence) {
        assertThat(occurrence.operation()).isEqualTo(Operation.LOGIN);
        assertThat(occurrence.result()).isEqualTo(Result.DENIED);
        assertThat(occurrence.error()).hasValue(ErrorCode.UNAUTHENTICATED);
        assertThat(occurrence.detail()).startsWith("HTTP ").doesNotContain("0123456789abcdef-taken");
    }
}
