// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.linux.LoopbackPeer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** Whoever is at the other end of one connection. */
final class Visitor {

    private final InetSocketAddress from;
    private final InetSocketAddress to;
    private final Executor blocking;
    private @Nullable CompletableFuture<OptionalInt> uid;

    /** @param blocking where the kernel is asked */
    Visitor(InetSocketAddress from, InetSocketAddress to, Executor blocking) {
        this.from = from;
        this.to = to;
        this.blocking = blocking;
    }

    /** Whether it is on this machine: what comes from a loopback address cannot have come from elsewhere. */
    boolean isLocal() {
        return from.getAddress().isLoopbackAddress();
    }

    /** Where it is. */
    InetAddress address() {
        return from.getAddress();
    }

    /** Where the daemon was reached. */
    InetAddress reached() {
        return to.getAddress();
    }

    /** Its user, by the kernel's word, asked once; empty: not known. */
    synchronized CompletionStage<OptionalInt> uid() {
        if (uid == null) {
            uid = isLocal()
                    ? CompletableFuture.supplyAsync(this::lookUp, blocking)
                    : CompletableFuture.completedFuture(OptionalInt.empty());
        }
        return uid;
    }

    /** The user, or the other machine, that it counts for. */
    CompletionStage<String> name() {
        return isLocal()
                ? uid().thenApply(known -> known.isPresent() ? "uid " + known.getAsInt() : "nobody")
                : CompletableFuture.completedFuture(from.getAddress().getHostAddress());
    }

    private OptionalInt lookUp() {
        try {
            return LoopbackPeer.uid(from, to);
        } catch (IOException e) {
            throw new UncheckedIOException("the owner of the connection from " + this + " cannot be looked up", e);
        }
    }

    /** Address and port, for people. */
    @Override
    public String toString() {
        return from.getAddress().getHostAddress() + ":" + from.getPort();
    }
}
