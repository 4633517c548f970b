// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.actors.telemetry.Telemetry;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.stream.SystemMaterializer;
import org.junit.jupiter.api.Test;

/** How often another machine may ask. */
class PaceTest {

    private long now;
    private final Pace pace = new Pace(10, () -> now);

    private static Visitor visitor(String address) {
        return new Visitor(
                new InetSocketAddress(InetAddress.ofLiteral(address), 1),
                new InetSocketAddress(InetAddress.ofLiteral("192.0.2.1"), 8747),
                Runnable::run);
    }

    /** How many of that many requests are let through. */
    private static int of(Pace pace, int requests, String address) {
        int through = 0;
        for (int i = 0; i < requests; i++) {
            try {
                pace.check(visitor(address));
                through++;
            } catch (Problem problem) {
                assertThat(problem.status()).isEqualTo(429);
                assertThat(problem).hasMessageContaining("10 times a second").hasMessageContaining("wait a second");
            }
        }
        return through;
    }

    @Test
    void aMachineHasWhatItSavedUpAndThenItsShare() {
        assertThat(of(pace, 100, "192.0.2.7")).isEqualTo(40);
        now += Duration.ofSeconds(1).toNanos();
        assertThat(of(pace, 100, "192.0.2.7")).isEqualTo(10);
        now += Duration.ofHours(1).toNanos();
        assertThat(of(pace, 100, "192.0.2.7")).isEqualTo(40);
    }

    @Test
    void theOthersAreNotHeldUp() {
        of(pace, 100, "192.0.2.7");

        assertThat(of(pace, 1, "192.0.2.8")).isEqualTo(1);
    }

    @Test
    void addressesThatOneMachineMayHaveAreOneMachine() {
        assertThat(of(pace, 30, "2001:db8::1") + of(pace, 30, "2001:db8::2")).isEqualTo(40);
        assertThat(of(pace, 1, "2001:db8:0:1::1")).isEqualTo(1);
    }

    @Test
    void thisMachineAsksAsOftenAsItLikes() {
        assertThat(of(pace, 1000, "127.0.0.1")).isEqualTo(1000);
    }

    @Test
    void theRateMayBecomeAnother() {
        pace.perSecond(0);
        assertThat(of(pace, 1000, "192.0.2.7")).isEqualTo(1000);
        pace.perSecond(10);
        assertThat(of(pace, 100, "192.0.2.7")).isEqualTo(40);
    }

    @Test
    void zeroIsNoBound() {
        assertThat(of(new Pace(0, () -> now), 1000, "192.0.2.7")).isEqualTo(1000);
    }

    @Test
    void whoAsksTooOftenIsToldWhenToComeBack() throws Exception {
        ActorSystem system = ActorSystem.create();
        try (Bound bound = new Bound(0)) {
            Door door = new Door(
                    OperatorToken.of(Optional.of(Bound.TOKEN)),
                    0,
                    _ -> CompletableFuture.completedFuture(false),
                    Telemetry.none());
            Routes routes = new Routes(
                    bound.api,
                    bound.metricsPort(),
                    () -> bound.problems,
                    door,
                    new Pace(1, () -> now),
                    SystemMaterializer.get(system).materializer());
            Visitor remote = visitor("192.0.2.7");
            for (int i = 0; i < Pace.SAVED_SECONDS; i++) {
                assertThat(answer(routes, remote).status().intValue()).isEqualTo(200);
            }

            HttpResponse refusal = answer(routes, remote);
            assertThat(refusal.status().intValue()).isEqualTo(429);
            assertThat(refusal.getHeader("Retry-After").orElseThrow().value()).isEqualTo("1");
        } finally {
            system.terminate();
        }
    }

    private static HttpResponse answer(Routes routes, Visitor visitor) throws Exception {
        return routes.answer(visitor, HttpRequest.GET("/health/live"))
                .toCompletableFuture()
                .get();
    }
}
