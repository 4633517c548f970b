// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

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
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.SSLContext;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** A server at a free port of this machine, and behind it one session, which belongs to {@link #OWNER}. */
final class Bound implements AutoCloseable {

    static final int OWNER = 65532;
    static final String TOKEN = "0123456789abcdef-token";
    static final String BEARER = "Bearer " + TOKEN;
    static final SessionId ID = new SessionId("0123456789abcdef");

    private static final DeviceId DEVICE = new DeviceId(new UUID(0, 1));
    private static final ProcessId PROCESS = new ProcessId("boot", 77, 1);
    private static final List<DeviceUse> USE = List.of(new DeviceUse(DEVICE, 8L << 30, 5, 7));
    private static final SessionView SESSION = new SessionView(
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
            USE,
            List.of(new MemberView(PROCESS, OWNER, "python", Instant.EPOCH, 5, 7, MemberView.PageState.OK, USE)),
            0,
            SessionView.Counters.NONE,
            List.of(new Refusal(Instant.EPOCH, PROCESS, DEVICE, ErrorCode.QUOTA_EXCEEDED, 9L << 30, 5, 8L << 30)),
            List.of(new Remainder(new ProcessId("boot", 66, 1), DEVICE, 2, Remainder.Reason.LINGERING)),
            List.of(new Unenforced(88, "/opt/tool", "its program is static")));

    private final ActorTestKit kit = ActorTestKit.create();
    /** Hears everything that the sessions are asked. */
    final TestProbe<Sessions.Command> asked = kit.createTestProbe();

    final List<Occurrence> occurrences = new CopyOnWriteArrayList<>();
    final Recent recent = new Recent();
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
        InetSocketAddress anywhere = new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0);
        server = HttpServer.start(
                new HttpServer.Settings(Optional.of(anywhere), TOKEN, false, tls, 0),
                api(),
                metricsPort(),
                () -> problems,
                heard(),
                daemonUid);
    }

    Api api() {
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
                Happenings.of(recent));
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

    private static void answer(Sessions.Command command) {
        switch (command) {
            case Sessions.ListAll list ->
                list.replyTo()
                        .tell(new Sessions.ListReply.Listed(
                                sees(list.caller()) ? List.of(SESSION) : List.of(), List.of(), new Totals(0, 0, 0)));
            case Sessions.Inspect inspect -> inspect.replyTo().tell(seen(inspect.selector()));
            case Sessions.Allocations allocations ->
                allocations
                        .replyTo()
                        .tell(new Sessions.AllocationsReply.Listing(
                                ID,
                                List.of(new Sessions.AllocationView(PROCESS, DEVICE, 0x1000, 5, Abi.KIND_LINEAR)),
                                false));
            case Sessions.Open open -> open.replyTo().tell(new Sessions.OpenReply.Opened(ID, "session-token", ""));
            case Sessions.Update update -> update.replyTo().tell(new Sessions.UpdateReply.Updated(ID, ""));
            case Sessions.Remove remove -> {
                // "slow" is never answered here: the test does it.
                if (!remove.selector().equals("slow")) {
                    remove.replyTo().tell(new Sessions.RemoveReply.Removed(ID));
                }
            }
            default -> throw new AssertionError(command);
        }
    }

    private static Sessions.InspectReply seen(String selector) {
        return selector.equals(SESSION.name()) || selector.equals(ID.text())
                ? new Sessions.InspectReply.Seen(SESSION)
                : new Sessions.InspectReply.Refused(ErrorCode.SESSION_UNKNOWN, "no session is called " + selector);
    }

    private static boolean sees(Caller caller) {
        return caller.operator() || caller.uid() == 0 || caller.uid() == OWNER;
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

    @Override
    public void close() {
        client.close();
        server.close();
        kit.shutdownTestKit();
    }
}
