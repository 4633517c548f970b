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

    /** Connections whose client asks something now and then. */
    static final Size OF_GUESTS = new Size(256, 256, 1024);

    /** Connections that a stream goes out on. */
    static final Size OF_LISTENERS = new Size(256, 768, 1280);

    /**
     * How many there may be.
     *
     * @param few that are let in unasked
     * @param ofOne of those that come later, as many of one user's or one machine's are let in
     * @param most at a time
     */
    record Size(int few, int ofOne, int most) {
        /** As many can be one user's. */
        int mostOfOne() {
            return few + ofOne;
        }
    }

    private final Size size;

    /** Whose connection it is, of those that were asked. */
    private final Map<Visitor, String> inside = new HashMap<>();

    Crowd(Size size) {
        this.size = size;
    }

    /** Whether there is room for this one; then {@link #leave} is to be called when it goes. */
    CompletionStage<Boolean> enter(Visitor visitor) {
        synchronized (this) {
            if (inside.size() < size.few()) {
                inside.put(visitor, "");
                return CompletableFuture.completedFuture(true);
            }
        }
        // One that nobody can name shares with all the others of that kind.
        return visitor.name().exceptionally(_ -> "nobody").thenApply(name -> enter(visitor, name));
    }

    private synchronized boolean enter(Visitor visitor, String name) {
        if (inside.size() >= size.most()
                || inside.values().stream().filter(name::equals).count() >= size.ofOne()) {
            return false;
        }
        inside.put(visitor, name);
        return true;
    }

    synchronized void leave(Visitor visitor) {
        inside.remove(visitor);
    }
}
