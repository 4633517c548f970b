// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.Caller;
import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.wire.ErrorCode;
import java.net.InetAddress;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.IntFunction;

/**
 * Who is let in over HTTP, and as whom. The operator shows a token. From this machine the kernel says which user it is,
 * and that is enough to look; nothing is enough to change anything but the token.
 */
final class Door {

    private static final int ROOT = 0;
    private static final int NOBODY = -1;
    private static final int NO_PID = 0;
    private static final String SCHEME = "bearer ";

    private final OperatorToken token;
    private final int daemonUid;
    private final IntFunction<CompletionStage<Boolean>> isOwner;
    private final Telemetry telemetry;

    /**
     * A door.
     *
     * @param isOwner whether a user has a session
     * @param telemetry hears of those who are not let in
     */
    Door(OperatorToken token, int daemonUid, IntFunction<CompletionStage<Boolean>> isOwner, Telemetry telemetry) {
        this.token = token;
        this.daemonUid = daemonUid;
        this.isOwner = isOwner;
        this.telemetry = telemetry;
    }

    /**
     * Lets somebody in, or fails with a {@link Problem}.
     *
     * @param authorization the header
     * @param host the header, without its port
     */
    CompletionStage<Caller> letIn(Endpoint endpoint, Visitor visitor, Optional<String> authorization, String host) {
        return switch (endpoint.audience()) {
            case EVERYBODY -> CompletableFuture.completedFuture(new Caller(NO_PID, NOBODY, false));
            case THIS_MACHINE, OWNERS, OPERATOR ->
                authorization.isPresent()
                        ? withToken(endpoint, visitor, authorization.get())
                        : withoutToken(endpoint, visitor, host);
        };
    }

    private CompletionStage<Caller> withToken(Endpoint endpoint, Visitor visitor, String authorization) {
        if (!authorization.toLowerCase(Locale.ROOT).startsWith(SCHEME)) {
            return refused(endpoint, visitor, unauthenticated("only Authorization: Bearer is understood"));
        }
        if (!token.matches(authorization.substring(SCHEME.length()).strip())) {
            return refused(endpoint, visitor, unauthenticated("the token is not this daemon's"));
        }
        // What the operator opens is the operator's own, or from far away the daemon's.
        return visitor.uid().thenApply(uid -> new Caller(NO_PID, uid.orElse(daemonUid), true));
    }

    private CompletionStage<Caller> withoutToken(Endpoint endpoint, Visitor visitor, String host) {
        if (!visitor.isLocal()) {
            return refused(
                    endpoint, visitor, unauthenticated("from another machine nothing is answered without a token"));
        }
        if (!isThisMachine(host, visitor.reached())) {
            return refused(
                    endpoint,
                    visitor,
                    Problem.misdirected(
                            "this is not \"" + host + "\": a page of that name may have sent a browser here;"
                                    + " use localhost or 127.0.0.1, or show the token"));
        }
        return switch (endpoint.audience()) {
            case EVERYBODY, THIS_MACHINE -> CompletableFuture.completedFuture(new Caller(NO_PID, NOBODY, false));
            case OPERATOR -> refused(endpoint, visitor, unauthenticated(endpoint + " changes something"));
            case OWNERS -> visitor.uid().thenCompose(uid -> owner(endpoint, visitor, uid));
        };
    }

    private CompletionStage<Caller> owner(Endpoint endpoint, Visitor visitor, OptionalInt known) {
        if (known.isEmpty()) {
            return refused(endpoint, visitor, unauthenticated("the kernel does not say whose connection this is"));
        }
        int uid = known.getAsInt();
        Caller caller = new Caller(NO_PID, uid, false);
        if (uid == daemonUid || uid == ROOT) {
            return CompletableFuture.completedFuture(caller);
        }
        return isOwner.apply(uid)
                .thenCompose(owner -> owner
                        ? CompletableFuture.completedFuture(caller)
                        : refused(endpoint, visitor, unauthenticated("uid " + uid + " has no session here")));
    }

    /**
     * Whether a browser that sends this name means this machine. A name can be made to point here by whoever owns it;
     * an address cannot.
     */
    private static boolean isThisMachine(String host, InetAddress reached) {
        if (host.equalsIgnoreCase("localhost")) {
            return true;
        }
        try {
            InetAddress address = InetAddress.ofLiteral(host);
            return address.isLoopbackAddress() || address.equals(reached);
        } catch (IllegalArgumentException notAnAddress) {
            return false;
        }
    }

    private static Problem unauthenticated(String why) {
        return Problem.of(
                ErrorCode.UNAUTHENTICATED,
                why
                        + ": show the operator's token as Authorization: Bearer TOKEN (it is in the .http.json file beside the daemon's socket)");
    }

    private <T> CompletionStage<T> refused(Endpoint endpoint, Visitor visitor, Problem problem) {
        return visitor.uid().exceptionally(_ -> OptionalInt.empty()).thenCompose(uid -> {
            telemetry.happened(new Occurrence(
                    Instant.now(),
                    Operation.LOGIN,
                    Result.DENIED,
                    Optional.empty(),
                    NO_PID,
                    uid.orElse(NOBODY),
                    Optional.empty(),
                    0,
                    Optional.of(problem.code()),
                    "HTTP " + endpoint + " from " + visitor + ": " + problem.getMessage()));
            return CompletableFuture.failedFuture(problem);
        });
    }
}
