// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Who has the connections there are, so that no single user of this machine, and no single other machine, has them all.
 * As long as they are few nobody is asked who it is: to know it, the kernel's list of connections must be read.
 * Thread-safe.
 */
final class Crowd {

    /** Connections that are let in unasked. */
    static final int FEW = 256;

    /** Of those that come later, as many of one user's or one machine's are let in. */
    static final int OF_ONE = 256;

    /** Whose connection it is, of those that were asked. */
    private final Map<Visitor, String> inside = new HashMap<>();

    /** Whether there is room for this one; then {@link #leave} is to be called when it goes. */
    CompletionStage<Boolean> enter(Visitor visitor) {
        synchronized (this) {
            if (inside.size() < FEW) {
                inside.put(visitor, "");
                return CompletableFuture.completedFuture(true);
            }
        }
        // One that nobody can name shares with all the others of that kind.
        return visitor.name().exceptionally(_ -> "nobody").thenApply(name -> enter(visitor, name));
    }

    private synchronized boolean enter(Visitor visitor, String name) {
        if (inside.values().stream().filter(name::equals).count() >= OF_ONE) {
            return false;
        }
        inside.put(visitor, name);
        return true;
    }

    synchronized void leave(Visitor visitor) {
        inside.remove(visitor);
    }
}
