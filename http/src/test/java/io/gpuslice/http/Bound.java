// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

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
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.http.metrics.Metrics;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** A server at a free port of this machine, and behind it one session, which belongs to {@link #OWNER}. */
final class Bound implements AutoCloseable {

    static final int OWNER = 65532;
    static final String TOKEN = "0123456789abcdef-token";
    static final String BEARER = "Bearer " + TOKEN;
    static final SessionId ID = new SessionId("0123456789abcdef");

    /** Of the session. */
    static final String VERSION = "v1";

    private static final DeviceId DEVICE = new DeviceId(new UUID(0, 1));
    private static final ProcessId PROCESS = new ProcessId("boot", 77, 1);
    private final ActorTestKit kit = ActorTestKit.create();
    /** Hears everything that the sessions are asked. */
    final TestProbe<Sessions.Command> asked = kit.createTestProbe();

    final List<Occurrence> occurrences = new CopyOnWriteArrayList<>();
    final Recent recent = new Recent();
    final HandClock clock = new HandClock();
    final Api api = made();
    /** How often all sessions were looked at. */
    final AtomicInteger looks = new AtomicInteger();

    /** Bytes that the session holds; negative: there is none. */
    volatile long used = 5;

    final HttpClient client = HttpClient.newHttpClient();
    final HttpServer server;

    /** What the ports say; a test may say otherwise. */
    volatile CompletionStage<List<String>> problems = CompletableFuture.completedFuture(List.of());

    volatile CompletionStage<String> metrics = CompletableFuture.completedFuture("gpuslice_up 1\n");

    /** @param daemonUid the user that the daemon is said to run as */
    Bound(int daemonUid) throws IOException, InterruptedException {
        this(daemonUid, Optional.empty());
    }

    /** @param tls that is spoken; none: no TLS */
    Bound(int daemonUid, Optional<SSLContext> tls) throws IOException, InterruptedException {
        this(daemonUid, tls, InetAddress.ofLiteral("127.0.0.1"), 0);
    }

    /**
     * Somewhere else.
     *
     * @param requestsPerSecond of another machine; 0: not bounded
     */
    Bound(int daemonUid, Optional<SSLContext> tls, InetAddress address, int requestsPerSecond)
            throws IOException, InterruptedException {
        server = HttpServer.start(
                new HttpServer.Settings(
                        Optional.of(new InetSocketAddress(address, 0)),
                        TOKEN,
                        !address.isLoopbackAddress(),
                        tls,
                        requestsPerSecond),
                api,
                metricsPort(),
                () -> problems,
                heard(),
                daemonUid);
    }

    private Api made() {
        Behavior<Sessions.Command> sessions = Behaviors.receiveMessage(command -> {
            answer(command);
            return Behaviors.same();
        });
        Behavior<Devices.Command> devices = Behaviors.receiveMessage(command -> {
            if (command instanceof Devices.Get get) {
                get.replyTo()
                        .tell(new Devices.Known(List.of(new Devices.Device(DEVICE, 0, "Test GPU", 16L << 30)), ""));
            }
            return Behaviors.same();
        });
        return new Api(
                kit.system(),
                kit.spawn(Behaviors.monitor(Sessions.Command.class, asked.ref(), sessions)),
                kit.spawn(devices),
                OperatorToken.of(Optional.empty()),
                new Api.About(
                        "1.2.3",
                        5,
                        1000,
                        Instant.EPOCH,
                        Path.of("/run/s"),
                        Path.of("/state"),
                        Optional::empty,
                        Optional.of(Path.of("/state/audit.jsonl"))),
                Happenings.of(recent),
                clock);
    }

    Metrics metricsPort() {
        return new Metrics() {
            @Override
            public Telemetry telemetry() {
                return Telemetry.none();
            }

            @Override
            public CompletionStage<String> scrape() {
                return metrics;
            }
        };
    }

    private Telemetry heard() {
        return new Telemetry() {
            @Override
            public void happened(Occurrence occurrence) {
                occurrences.add(occurrence);
            }

            @Override
            public void took(Timing what, long nanos) {}
        };
    }

    private static SessionView session(long used) {
        List<DeviceUse> use = List.of(new DeviceUse(DEVICE, 8L << 30, used, 7));
        return new SessionView(
                ID,
                "train",
                SessionState.ACTIVE,
                OWNER,
                Optional.of(PROCESS),
                Instant.EPOCH,
                Optional.of(Duration.ofHours(1)),
                false,
                true,
                "8GB",
                8L << 30,
                use,
                List.of(new MemberView(PROCESS, OWNER, "python", Instant.EPOCH, used, 7, MemberView.PageState.OK, use)),
                0,
                SessionView.Counters.NONE,
                List.of(new Refusal(Instant.EPOCH, PROCESS, DEVICE, ErrorCode.QUOTA_EXCEEDED, 9L << 30, 5, 8L << 30)),
                List.of(new Remainder(new ProcessId("boot", 66, 1), DEVICE, 2, Remainder.Reason.LINGERING)),
                List.of(new Unenforced(88, "/opt/tool", "its program is static")),
                VERSION);
    }

    private void answer(Sessions.Command command) {
        switch (command) {
            case Sessions.ListAll list -> {
                looks.incrementAndGet();
                list.replyTo()
                        .tell(new Sessions.ListReply.Listed(
                                sees(list.caller()) && used >= 0 ? List.of(session(used)) : List.of(),
                                List.of(),
                                new Totals(0, 0, 0)));
            }
            case Sessions.Inspect inspect -> inspect.replyTo().tell(seen(inspect.selector()));
            case Sessions.Allocations allocations ->
                allocations
                        .replyTo()
                        .tell(refused(allocations.selector())
                                .<Sessions.AllocationsReply>map(
                                        code -> new Sessions.AllocationsReply.Refused(code, "not this one"))
                                .orElse(new Sessions.AllocationsReply.Listing(
                                        ID,
                                        List.of(new Sessions.AllocationView(
                                                PROCESS, DEVICE, 0x1000, 5, Abi.KIND_LINEAR)),
                                        false)));
            case Sessions.Open open ->
                open.replyTo()
                        .tell(refused(open.name())
                                .<Sessions.OpenReply>map(code -> new Sessions.OpenReply.Refused(code, "not this one"))
                                .orElse(new Sessions.OpenReply.Opened(ID, "session-token", "mind the step")));
            case Sessions.Update update -> update.replyTo().tell(updated(update));
            case Sessions.Remove remove -> {
                // "slow" is never answered here: the test does it.
                if (!remove.selector().equals("slow")) {
                    remove.replyTo().tell(removed(remove));
                }
            }
            default -> throw new AssertionError(command);
        }
    }

    /** A session that is called like an error code is refused with it. */
    private static Optional<ErrorCode> refused(String name) {
        return Arrays.stream(ErrorCode.values())
                .filter(code -> code.name().equals(name))
                .findFirst();
    }

    private static Sessions.UpdateReply updated(Sessions.Update update) {
        if (refused(update.selector()).isPresent()) {
            return new Sessions.UpdateReply.Refused(refused(update.selector()).get(), "not this one");
        }
        return isOutdated(update.versions())
                ? new Sessions.UpdateReply.Outdated(ID, VERSION)
                : new Sessions.UpdateReply.Updated(ID, "mind the step");
    }

    private static Sessions.RemoveReply removed(Sessions.Remove remove) {
        if (refused(remove.selector()).isPresent()) {
            return new Sessions.RemoveReply.Refused(refused(remove.selector()).get(), "not this one");
        }
        if (remove.selector().equals("busy")) {
            return new Sessions.RemoveReply.Busy(ID, List.of(PROCESS), "somebody is in it");
        }
        return isOutdated(remove.versions())
                ? new Sessions.RemoveReply.Outdated(ID, VERSION)
                : new Sessions.RemoveReply.Removed(ID);
    }

    private static boolean isOutdated(List<String> versions) {
        return !versions.isEmpty() && !versions.contains(VERSION);
    }

    private Sessions.InspectReply seen(String selector) {
        if (refused(selector).isPresent()) {
            return new Sessions.InspectReply.Refused(refused(selector).get(), "not this one");
        }
        return selector.equals("train") || selector.equals(ID.text())
                ? new Sessions.InspectReply.Seen(session(used))
                : new Sessions.InspectReply.Refused(ErrorCode.SESSION_UNKNOWN, "no session is called " + selector);
    }

    private static boolean sees(Caller caller) {
        return caller.operator() || caller.uid() == 0 || caller.uid() == OWNER;
    }

    static JsonNode json(HttpResponse<String> answer) throws IOException {
        return new ObjectMapper().readTree(answer.body());
    }

    URI url() {
        return server.url();
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(url().resolve(path));
    }

    HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    /** What the sessions were asked before is not heard any more. */
    void forget() {
        Sessions.Command last = new Sessions.ListAll(
                new Caller(0, 0, true),
                kit.<Sessions.ListReply>createTestProbe().ref());
        asked.ref().tell(last);
        asked.fishForMessage(
                Duration.ofSeconds(10),
                command -> command.equals(last) ? FishingOutcomes.complete() : FishingOutcomes.continueAndIgnore());
    }

    @Override
    public void close() {
        client.close();
        server.close();
        kit.shutdownTestKit();
    }
}
