// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Caller;
import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.wire.ErrorCode;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Who is let in from other machines, and those of whom the kernel knows nothing. */
class DoorTest {

    private static final int DAEMON = 1000;

    private final Door door = new Door(
            OperatorToken.of(Optional.of(Bound.TOKEN)),
            DAEMON,
            uid -> CompletableFuture.completedFuture(true),
            Telemetry.none());

    @ParameterizedTest
    @EnumSource
    void fromAnotherMachineOnlyTheTokenIsLetInAndWhoeverWantsWhatHoldsNoData(Endpoint endpoint) throws Exception {
        Visitor remote = visitor("192.0.2.7");

        assertThat(letIn(endpoint, remote, Optional.of(Bound.BEARER), "gpubox.example")
                        .operator())
                .isEqualTo(endpoint.audience() != Endpoint.Audience.EVERYBODY);
        if (endpoint.audience() == Endpoint.Audience.EVERYBODY) {
            assertThat(letIn(endpoint, remote, Optional.empty(), "gpubox.example")
                            .operator())
                    .isFalse();
        } else {
            // Whatever it calls itself.
            assertThat(refusal(endpoint, remote, Optional.empty(), "localhost")).hasValue(ErrorCode.UNAUTHENTICATED);
            assertThat(refusal(endpoint, remote, Optional.of("Bearer wrong"), "localhost"))
                    .hasValue(ErrorCode.UNAUTHENTICATED);
        }
    }

    @Test
    void whatIsOpenedFromAnotherMachineIsTheDaemonsOwn() throws Exception {
        assertThat(letIn(Endpoint.OPEN, visitor("192.0.2.7"), Optional.of(Bound.BEARER), "gpubox.example"))
                .isEqualTo(new Caller(0, DAEMON, true));
    }

    @Test
    void whomTheKernelDoesNotNameSeesNothing() throws Exception {
        // Nobody has this connection: it is closing, or was never there.
        Visitor unknown = visitor("127.0.0.1");

        assertThat(refusal(Endpoint.LIST, unknown, Optional.empty(), "localhost"))
                .hasValue(ErrorCode.UNAUTHENTICATED);
        assertThat(letIn(Endpoint.LIST, unknown, Optional.of(Bound.BEARER), "localhost")
                        .operator())
                .isTrue();
    }

    private static Visitor visitor(String address) {
        return new Visitor(
                new InetSocketAddress(InetAddress.ofLiteral(address), 1),
                new InetSocketAddress(InetAddress.ofLiteral("192.0.2.1"), 8747),
                Runnable::run);
    }

    private Caller letIn(Endpoint endpoint, Visitor visitor, Optional<String> authorization, String host)
            throws Exception {
        return door.letIn(endpoint, visitor, authorization, host)
                .toCompletableFuture()
                .get();
    }

    /** Empty: let in. */
    private Optional<ErrorCode> refusal(
            Endpoint endpoint, Visitor visitor, Optional<String> authorization, String host) {
        return door.letIn(endpoint, visitor, authorization, host)
                .handle((caller, failure) -> failure == null
                        ? Optional.<ErrorCode>empty()
                        : Problem.in(failure).map(Problem::code))
                .toCompletableFuture()
                .join();
    }
}
