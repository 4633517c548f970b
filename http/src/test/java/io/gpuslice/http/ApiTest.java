// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.actors.Caller;
import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.MemberView;
import io.gpuslice.actors.Refusal;
import io.gpuslice.actors.Remainder;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.Totals;
import io.gpuslice.actors.Unenforced;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ApiTest {

    private static final Caller CALLER = new Caller(42, 1000, false);
    private static final DeviceId KNOWN = DeviceId.valueOf("GPU-00000000-0000-0000-0000-000000000001");
    private static final DeviceId STRANGE = new DeviceId(new UUID(9, 9));
    private static final ProcessId PROCESS = new ProcessId("boot", 77, 1);
    private static final Instant NOON = Instant.parse("2026-01-02T12:00:00Z");
    private static final Totals TOTALS = new Totals(0, 0, 0);
    private static final SessionView SESSION = new SessionView(
            new SessionId("0123456789abcdef"),
            "train",
            SessionState.ACTIVE,
            1000,
            Optional.of(PROCESS),
            NOON,
            Optional.of(Duration.ofSeconds(90)),
            true,
            false,
            "8GB",
            8L << 30,
            List.of(new DeviceUse(KNOWN, 8L << 30, 5, 7), new DeviceUse(STRANGE, Long.MAX_VALUE, 1, 1)),
            List.of(new MemberView(
                    PROCESS,
                    1000,
                    "python train.py",
                    NOON,
                    6,
                    8,
                    MemberView.PageState.OK,
                    List.of(new DeviceUse(KNOWN, 8L << 30, 5, 7)))),
            3,
            new SessionView.Counters(4, 2, 1),
            List.of(new Refusal(NOON.plusSeconds(9), PROCESS, KNOWN, ErrorCode.QUOTA_EXCEEDED, 100, 5, 8L << 30)),
            List.of(
                    new Remainder(new ProcessId("boot", 66, 1), KNOWN, 2, Remainder.Reason.LINGERING),
                    new Remainder(new ProcessId("boot", 67, 1), STRANGE, 1, Remainder.Reason.IMPORTED)),
            List.of(new Unenforced(88, "/opt/tool", "its program is static")),
            "5e55");

    private final ActorTestKit kit = ActorTestKit.create();
    private final TestProbe<Sessions.Command> sessions = kit.createTestProbe();
    private Api api = api(devices(new Devices.Known(List.of(), "none")));

    @BeforeAll
    void start() {
        api = api(devices(new Devices.Known(
                List.of(new Devices.Device(KNOWN, 3, "Test GPU", 16L << 30), new Devices.Device(STRANGE, 4, "Odd", 0)),
                "")));
    }

    @AfterAll
    void stop() {
        kit.shutdownTestKit();
    }

    @Test
    void infoTellsWhichDaemonThisIs() {
        JsonNode reply = reply(ask("GET", "/info"));

        assertThat(reply.at("/status").asInt()).isEqualTo(200);
        assertThat(reply.at("/body")).isEqualTo(json("""
            {"version":"1.2.3","protocol":"1.0","pid":5,"uid":1000,"started_at":"2026-01-02T12:00:00Z",
             "socket":"/run/s","state_directory":"/state","http_url":"http://127.0.0.1:8747",
             "audit_file":null,"operator_token":true}\
            """));
    }

    @Test
    void devicesAreListedWithWhatSessionsHoldOfThem() {
        CompletableFuture<String> asked = ask("GET", "/devices");
        Sessions.ListAll list = sessions.expectMessageClass(Sessions.ListAll.class);
        assertThat(list.caller()).isEqualTo(CALLER);
        list.replyTo().tell(new Sessions.ListReply.Listed(List.of(SESSION, SESSION), List.of(), TOTALS));

        assertThat(reply(asked).at("/body")).isEqualTo(json("""
            {"devices":[
             {"index":3,"uuid":"GPU-00000000-0000-0000-0000-000000000001","name":"Test GPU",
              "total_bytes":17179869184,"sessions":2,"used_bytes":10,"charge_bytes":14},
             {"index":4,"uuid":"GPU-00000000-0000-0009-0000-000000000009","name":"Odd",
              "total_bytes":null,"sessions":2,"used_bytes":2,"charge_bytes":2}]}\
            """));
    }

    @Test
    void withoutDevicesTheReasonIsSaid() {
        Api bare = api(devices(new Devices.Known(List.of(), "no driver")));
        CompletableFuture<String> asked =
                bare.answer(CALLER, request("GET", "/devices")).toCompletableFuture();
        sessions.expectMessageClass(Sessions.ListAll.class)
                .replyTo()
                .tell(new Sessions.ListReply.Listed(List.of(), List.of(), TOTALS));

        assertThat(reply(asked).at("/body")).isEqualTo(json("{\"devices\":[],\"problem\":\"no driver\"}"));
    }

    @ParameterizedTest
    @CsvSource({
        "8GB, \"8GB\", 2h, PT2H",
        "8589934592, 8589934592, none, PT0S",
        "99999999999999999999, 99999999999999999999, 90s, PT1M30S"
    })
    void aSessionIsChangedAndThenShown(String limit, String limitJson, String ttl, Duration meant) {
        CompletableFuture<String> asked = ask("{\"method\":\"PATCH\",\"path\":\"/sessions/train\",\"body\":{\"limit\":"
                + limitJson + ",\"ttl\":\"" + ttl + "\"}}");

        Sessions.Update update = sessions.expectMessageClass(Sessions.Update.class);
        assertThat(update.caller()).isEqualTo(CALLER);
        assertThat(update.selector()).isEqualTo("train");
        assertThat(update.limit()).hasValue(limit);
        assertThat(update.ttl()).hasValue(meant);
        update.replyTo().tell(new Sessions.UpdateReply.Updated(SESSION.id(), "careful"));
        Sessions.Inspect inspect = sessions.expectMessageClass(Sessions.Inspect.class);
        assertThat(inspect.selector()).isEqualTo(SESSION.id().text());
        inspect.replyTo().tell(new Sessions.InspectReply.Seen(SESSION));
        assertThat(reply(asked).at("/status").asInt()).isEqualTo(200);
        assertThat(reply(asked).at("/body/limit").asText()).isEqualTo("8GB");
        assertThat(reply(asked).at("/body/warning").asText()).isEqualTo("careful");
    }

    @Test
    void whatIsNotNamedStaysAsItIs() {
        CompletableFuture<String> asked =
                ask("{\"method\":\"PATCH\",\"path\":\"/sessions/s\",\"body\":{\"limit\":null,\"ttl\":\"1h\"}}");

        Sessions.Update update = sessions.expectMessageClass(Sessions.Update.class);
        assertThat(update.limit()).isEmpty();
        assertThat(update.ttl()).hasValue(Duration.ofHours(1));
        update.replyTo().tell(new Sessions.UpdateReply.Refused(ErrorCode.SESSION_CLOSED, "it has ended"));
        assertProblem(asked, 410, "SESSION_CLOSED", "it has ended");
    }

    @Test
    void aChangeThatIsRefusedIsRefusedWithWhatWasAskedFor() {
        CompletableFuture<String> asked =
                ask("{\"method\":\"PATCH\",\"path\":\"/sessions/s\",\"body\":{\"limit\":\"50%\",\"ttl\":null}}");

        sessions.expectMessageClass(Sessions.Update.class)
                .replyTo()
                .tell(new Sessions.UpdateReply.Refused(ErrorCode.BAD_REQUEST, "50% of what?"));

        assertProblem(asked, 400, "BAD_REQUEST", "50% of what?");
        assertThat(reply(asked).at("/body/limit").asText()).isEqualTo("50%");
        assertThat(reply(asked).at("/body").has("ttl")).isFalse();
    }

    @Test
    void aPlusInAPathIsAPlus() {
        CompletableFuture<String> asked = ask("GET", "/sessions/a+b%2Bc%20d");

        Sessions.Inspect inspect = sessions.expectMessageClass(Sessions.Inspect.class);
        assertThat(inspect.selector()).isEqualTo("a+b+c d");
        inspect.replyTo().tell(new Sessions.InspectReply.Refused(ErrorCode.SESSION_UNKNOWN, "no"));
        assertProblem(asked, 404, "SESSION_UNKNOWN", "no");
    }

    @Test
    void aSessionIsShownWithItsNumbersPerDeviceAndInTotal() {
        CompletableFuture<String> asked = ask("GET", "/sessions/tr%61in");

        Sessions.Inspect inspect = sessions.expectMessageClass(Sessions.Inspect.class);
        assertThat(inspect.selector()).isEqualTo("train");
        assertThat(inspect.caller()).isEqualTo(CALLER);
        inspect.replyTo().tell(new Sessions.InspectReply.Seen(SESSION));

        assertThat(reply(asked).at("/body")).isEqualTo(json("""
            {"id":"0123456789abcdef","name":"train","state":"ACTIVE","uid":1000,
             "leader":{"pid":77,"command":"python train.py"},"created_at":"2026-01-02T12:00:00Z",
             "ttl_left_seconds":90,"strict":true,"keep":false,"limit":"8GB",
             "limit_bytes":9223372036854775807,"used_bytes":6,"charge_bytes":8,"credit_bytes":2,"reclaimed_bytes":3,
             "devices":[
              {"uuid":"GPU-00000000-0000-0000-0000-000000000001","index":3,
               "limit_bytes":8589934592,"used_bytes":5,"charge_bytes":7,"credit_bytes":2},
              {"uuid":"GPU-00000000-0000-0009-0000-000000000009","index":4,
               "limit_bytes":9223372036854775807,"used_bytes":1,"charge_bytes":1,"credit_bytes":0}],
             "processes":[{"pid":77,"uid":1000,"command":"python train.py","since":"2026-01-02T12:00:00Z",
              "used_bytes":6,"charge_bytes":8,"page":"ok","devices":[
               {"uuid":"GPU-00000000-0000-0000-0000-000000000001","index":3,
                "limit_bytes":8589934592,"used_bytes":5,"charge_bytes":7,"credit_bytes":2}]}],
             "counters":{"allocations":4,"frees":2,"denials":1},
             "refusals":[{"at":"2026-01-02T12:00:09Z","pid":77,
              "device":"GPU-00000000-0000-0000-0000-000000000001","error_code":"QUOTA_EXCEEDED",
              "asked_bytes":100,"used_bytes":5,"limit_bytes":8589934592}],
             "remainders":[{"pid":66,"device":"GPU-00000000-0000-0000-0000-000000000001","bytes":2,"reason":"LINGERING"},
              {"pid":67,"device":"GPU-00000000-0000-0009-0000-000000000009","bytes":1,"reason":"IMPORTED"}],
             "unenforced":[{"pid":88,"command":"/opt/tool","why":"its program is static"}]}\
            """));
    }

    @Test
    void aSessionThatNobodyUsedYetShowsItsDefaultLimit() {
        SessionView fresh = new SessionView(
                SESSION.id(),
                "",
                SessionState.EXPIRED,
                0,
                Optional.empty(),
                NOON,
                Optional.empty(),
                false,
                true,
                "1GB",
                1L << 30,
                List.of(),
                List.of(),
                0,
                SessionView.Counters.NONE,
                List.of(),
                List.of(),
                List.of(),
                "5e55");
        CompletableFuture<String> asked = ask("GET", "/sessions");
        sessions.expectMessageClass(Sessions.ListAll.class)
                .replyTo()
                .tell(new Sessions.ListReply.Listed(List.of(fresh), List.of(new SessionId("quiet")), TOTALS));

        JsonNode body = reply(asked).at("/body");
        assertThat(body.at("/silent")).isEqualTo(json("[\"quiet\"]"));
        assertThat(body.at("/sessions/0/limit_bytes").longValue()).isEqualTo(1L << 30);
        assertThat(body.at("/sessions/0/leader").isNull()).isTrue();
        assertThat(body.at("/sessions/0/ttl_left_seconds").isNull()).isTrue();
        assertThat(body.at("/sessions/0/state").asText()).isEqualTo("EXPIRED");
    }

    @Test
    void moreSessionsThanAnAnswerHoldsComePageByPage() {
        List<SessionView> many = many();
        List<String> seen = new ArrayList<>();
        String path = "/sessions";
        while (!path.isEmpty()) {
            JsonNode body = page(path, many);
            body.at("/sessions").forEach(session -> seen.add(session.at("/id").asText()));
            path = next(body);
        }

        assertThat(seen)
                .containsExactlyElementsOf(
                        many.reversed().stream().map(view -> view.id().text()).toList());
    }

    @Test
    void aPageGoesOnWhereTheOneBeforeEndedThoughThatSessionIsGone() {
        List<SessionView> many = many();
        JsonNode first = page("/sessions", many);
        int shown = first.at("/sessions").size();
        List<SessionView> left = new ArrayList<>(many.reversed());
        left.remove(shown - 1);

        JsonNode second = page(next(first), left);

        assertThat(second.at("/sessions/0/id").asText())
                .isEqualTo(left.get(shown - 1).id().text());
    }

    @Test
    void aPlaceInTheListThatNoAnswerNamedIsRefused() {
        JsonNode answer = reply(ask("GET", "/sessions?after=0123456789abcdef"));
        assertThat(answer.at("/status").asInt()).isEqualTo(400);
        assertThat(answer.at("/body/detail").asText())
                .contains("0123456789abcdef")
                .contains("next");
    }

    private JsonNode page(String path, List<SessionView> all) {
        CompletableFuture<String> asked = ask("GET", path);
        sessions.expectMessageClass(Sessions.ListAll.class)
                .replyTo()
                .tell(new Sessions.ListReply.Listed(all, List.of(), TOTALS));
        JsonNode body = reply(asked).at("/body");
        assertThat(asked.join().length()).isLessThan(Abi.MAX_FRAME_SIZE - Abi.Frame.SIZEOF);
        return body;
    }

    private static String next(JsonNode body) {
        return body.has("next") ? "/sessions?after=" + body.at("/next").asText() : "";
    }

    /** More than fit one answer, the youngest first. */
    private static List<SessionView> many() {
        return IntStream.range(0, 2000)
                .mapToObj(i -> new SessionView(
                        new SessionId(String.format("%016x", i)),
                        SESSION.name(),
                        SESSION.state(),
                        SESSION.uid(),
                        SESSION.leader(),
                        NOON.plusSeconds(2000 - i),
                        SESSION.ttlLeft(),
                        true,
                        false,
                        "8GB",
                        0,
                        SESSION.devices(),
                        SESSION.members(),
                        0,
                        SESSION.counters(),
                        SESSION.refusals(),
                        List.of(),
                        List.of(),
                        ""))
                .toList();
    }

    @ParameterizedTest
    @CsvSource({
        "1, linear",
        "2, managed",
        "3, pitched",
        "4, pool",
        "5, physical",
        "6, array",
        "7, graph",
        "8, import",
        "9, context",
        "15, unknown"
    })
    void everyKindOfAllocationHasItsWord(int kind, String word) {
        CompletableFuture<String> asked = ask("GET", "/sessions/s/allocations");
        sessions.expectMessageClass(Sessions.Allocations.class)
                .replyTo()
                .tell(new Sessions.AllocationsReply.Listing(
                        new SessionId("s"), List.of(new Sessions.AllocationView(PROCESS, KNOWN, 1, 512, kind)), false));
        assertThat(reply(asked).at("/body/allocations/0/kind").asText()).isEqualTo(word);
    }

    @Test
    void allocationsAreListedByAddress() {
        CompletableFuture<String> asked = ask("GET", "/sessions/s/allocations");
        sessions.expectMessageClass(Sessions.Allocations.class)
                .replyTo()
                .tell(new Sessions.AllocationsReply.Listing(
                        new SessionId("s"),
                        List.of(new Sessions.AllocationView(PROCESS, KNOWN, 0x7f00L, 512, Abi.KIND_MANAGED)),
                        true));

        assertThat(reply(asked).at("/body")).isEqualTo(json("""
            {"session":"s","truncated":true,"allocations":[{"pid":77,
             "device":"GPU-00000000-0000-0000-0000-000000000001","address":"0x7f00","bytes":512,"kind":"managed"}]}\
            """));
    }

    @Test
    void aSessionIsOpenedWithoutALeader() {
        CompletableFuture<String> asked = ask("""
            {"method":"POST","path":"/sessions","body":{"limit":"8GB","name":"n","ttl":"2h","strict":true}}\
            """);

        Sessions.Open open = sessions.expectMessageClass(Sessions.Open.class);
        assertThat(open.leader()).isEmpty();
        assertThat(open.limit()).isEqualTo("8GB");
        assertThat(open.name()).isEqualTo("n");
        assertThat(open.ttl()).isEqualTo(Duration.ofHours(2));
        assertThat(open.flags()).isEqualTo(Abi.FLAG_NO_LEADER | Abi.FLAG_STRICT | Abi.FLAG_KEEP);
        open.replyTo().tell(new Sessions.OpenReply.Opened(new SessionId("s"), "t0ken", "careful"));
        assertThat(reply(asked))
                .isEqualTo(
                        json("{\"status\":201,\"body\":{\"id\":\"s\",\"token\":\"t0ken\",\"warning\":\"careful\"}}"));
    }

    @Test
    void aSessionIsRemovedOnlyWhenNobodyIsInItUnlessForced() {
        CompletableFuture<String> asked = ask("DELETE", "/sessions/s");
        Sessions.Remove remove = sessions.expectMessageClass(Sessions.Remove.class);
        assertThat(remove.force()).isFalse();
        remove.replyTo()
                .tell(new Sessions.RemoveReply.Busy(new SessionId("s"), List.of(PROCESS), "pid 77 lives; use --force"));
        JsonNode busy = assertProblem(asked, 409, "FORBIDDEN", "pid 77 lives; use --force");
        assertThat(busy.at("/body/pids")).isEqualTo(json("[77]"));

        CompletableFuture<String> forced = ask("DELETE", "/sessions/s?force=true");
        Sessions.Remove hard = sessions.expectMessageClass(Sessions.Remove.class);
        assertThat(hard.force()).isTrue();
        hard.replyTo().tell(new Sessions.RemoveReply.Removed(new SessionId("s")));
        assertThat(reply(forced)).isEqualTo(json("{\"status\":200,\"body\":{\"id\":\"s\"}}"));
    }

    @ParameterizedTest
    @CsvSource({"s3cret, true", "wrong, false"})
    void theOperatorsTokenMakesTheCallerTheOperator(String token, boolean operator) {
        CompletableFuture<String> asked =
                ask("{\"method\":\"GET\",\"path\":\"/sessions\",\"token\":\"" + token + "\"}");

        Sessions.ListAll list = sessions.expectMessageClass(Sessions.ListAll.class);
        assertThat(list.caller()).isEqualTo(new Caller(42, 1000, operator));
        list.replyTo().tell(new Sessions.ListReply.Listed(List.of(), List.of(), TOTALS));
        assertThat(reply(asked).at("/status").asInt()).isEqualTo(200);
    }

    @ParameterizedTest
    @CsvSource({
        "SESSION_UNKNOWN, 404",
        "UNAUTHENTICATED, 401",
        "FORBIDDEN, 403",
        "BAD_REQUEST, 400",
        "OVERLOADED, 503",
        "SESSION_CLOSED, 410",
        "INTERNAL, 500"
    })
    void aRefusalIsAProblemWithItsCode(ErrorCode code, int status) {
        CompletableFuture<String> asked = ask("GET", "/sessions/s");
        sessions.expectMessageClass(Sessions.Inspect.class)
                .replyTo()
                .tell(new Sessions.InspectReply.Refused(code, "because"));

        assertProblem(asked, status, code.name(), "because");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "nonsense | 400 | not one JSON value, or has a name twice: line 1, column",
                "[] | 400 | no JSON object",
                "'{\"method\":\"GET\"}' | 400 | \"path\" is missing",
                "'{\"method\":\"GET\",\"path\":\"/info\",\"colour\":1}' | 400 | \"colour\" is unknown",
                "'{\"method\":\"GET\",\"path\":\"/info\",\"path\":\"/info\"}' | 400 | has a name twice: line 1, column",
                "'{\"method\":\"GET\",\"path\":\"/info\"} {}' | 400 | not one JSON value",
                "'{\"method\":1,\"path\":\"/info\"}' | 400 | \"method\" must be a string, not number",
                "'{\"method\":\"GET\",\"path\":\"info\"}' | 400 | must begin with /",
                "'{\"method\":\"GET\",\"path\":\"/sessions/%zz\"}' | 400 | not percent-encoded",
                "'{\"method\":\"GET\",\"path\":\"/nothing\"}' | 404 | there is nothing at /nothing",
                "'{\"method\":\"GET\",\"path\":\"/sessions/s/allocations/x\"}' | 404 | there is nothing at",
                "'{\"method\":\"PUT\",\"path\":\"/sessions/s\"}' | 405 | PUT is not possible at /sessions/s",
                "'{\"method\":\"GET\",\"path\":\"/info?a=b\"}' | 400 | the query's \"a\" is unknown",
                "'{\"method\":\"GET\",\"path\":\"/info\",\"body\":{\"a\":1}}' | 400 | \"a\" is unknown here; nothing"
                        + " is taken",
                "'{\"method\":\"DELETE\",\"path\":\"/sessions/s?force=yes\"}' | 400 | force must be true or false, not"
                        + " \"yes\"",
                "'{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":{}}' | 400 | \"limit\" is missing",
                "'{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":{\"limit\":8.5}}' | 400 | \"limit\" must be a"
                        + " size such as \"8GB\", or a whole number of bytes, not number",
                "'{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":{\"limit\":true}}' | 400 | \"limit\" must be a"
                        + " size such as",
                "'{\"method\":\"PATCH\",\"path\":\"/sessions/s\",\"body\":{}}' | 400 | nothing is to be changed: give"
                        + " \"limit\", \"ttl\" or both",
                "'{\"method\":\"PATCH\",\"path\":\"/sessions/s\",\"body\":{\"limit\":null,\"ttl\":null}}' | 400 |"
                        + " nothing is to be changed",
                "'{\"method\":\"PATCH\",\"path\":\"/sessions/s\",\"body\":{\"ttl\":\"soon\"}}' | 400 | or none",
                "'{\"method\":\"PATCH\",\"path\":\"/sessions/s\",\"body\":{\"ttl\":7200}}' | 400 | \"ttl\" must be a"
                        + " string, not number",
                "'{\"method\":\"PATCH\",\"path\":\"/sessions/s\",\"body\":{\"name\":\"n\"}}' | 400 | \"name\" is"
                        + " unknown here; there are limit, ttl",
                "'{\"method\":\"GET\",\"path\":\"/sessions/\"}' | 404 | there is nothing at /sessions/",
                "'{\"method\":\"GET\",\"path\":\"/metrics\"}' | 404 | over HTTP alone",
                "'{\"method\":\"DELETE\",\"path\":\"/sessions/s?force=true&force=false\"}' | 400 | \"force\" twice",
                "'{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":{\"limit\":\"1G\",\"keep\":\"yes\"}}' | 400 |"
                        + " \"keep\" must be true or false",
                "'{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":{\"limit\":\"1G\",\"ttl\":\"soon\"}}' | 400 |"
                        + " ttl: duration \"soon\"",
                "'{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":7}' | 400 | \"body\" must be an object"
            })
    void aRequestThatMakesNoSenseIsToldWhy(String request, int status, String because) {
        assertProblem(ask(request), status, "BAD_REQUEST", because);
        sessions.expectNoMessage(Duration.ZERO);
    }

    @Test
    void aSessionsListThatDoesNotAnswerIsAProblemToo() {
        CompletableFuture<String> asked = ask("GET", "/sessions");

        assertProblem(asked, 500, "INTERNAL", "nobody answered in time");
        sessions.expectMessageClass(Sessions.ListAll.class);
    }

    private JsonNode assertProblem(CompletableFuture<String> asked, int status, String code, String detail) {
        JsonNode reply = reply(asked);
        assertThat(reply.at("/status").asInt()).isEqualTo(status);
        assertThat(reply.at("/body/status").asInt()).isEqualTo(status);
        assertThat(reply.at("/body/type").asText())
                .isEqualTo("/problems/" + code.toLowerCase(Locale.ROOT).replace('_', '-'));
        assertThat(reply.at("/body/title").asText())
                .isEqualTo(ErrorCode.valueOf(code).description());
        assertThat(reply.at("/body/error_code").asText()).isEqualTo(code);
        assertThat(reply.at("/body/detail").asText()).contains(detail);
        return reply;
    }

    private CompletableFuture<String> ask(String method, String path) {
        return ask(request(method, path));
    }

    private CompletableFuture<String> ask(String request) {
        return api.answer(CALLER, request).toCompletableFuture();
    }

    private static String request(String method, String path) {
        return "{\"method\":\"" + method + "\",\"path\":\"" + path + "\"}";
    }

    private static JsonNode reply(CompletableFuture<String> asked) {
        return json(asked.orTimeout(10, TimeUnit.SECONDS).join());
    }

    private static JsonNode json(String text) {
        try {
            return new ObjectMapper().readTree(text);
        } catch (IOException e) {
            throw new AssertionError(text, e);
        }
    }

    private ActorRef<Devices.Command> devices(Devices.Known known) {
        return kit.spawn(Behaviors.receiveMessage(command -> {
            if (command instanceof Devices.Get get) {
                get.replyTo().tell(known);
            }
            return Behaviors.same();
        }));
    }

    private Api api(ActorRef<Devices.Command> devices) {
        return new Api(
                kit.system(),
                sessions.ref(),
                devices,
                OperatorToken.of(Optional.of("s3cret")),
                new Api.About(
                        "1.2.3",
                        5,
                        1000,
                        NOON,
                        Path.of("/run/s"),
                        Path.of("/state"),
                        () -> Optional.of(URI.create("http://127.0.0.1:8747")),
                        Optional.empty()),
                Happenings.of(new Recent()),
                new HandClock());
    }
}
