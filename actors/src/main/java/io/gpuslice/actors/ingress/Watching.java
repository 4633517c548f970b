// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.wire.ErrorCode;
import java.util.List;
import java.util.Optional;

/**
 * What comes of a WATCH.
 *
 * @param reply JSON that goes out first, refusals included
 * @param stream none where it was refused
 */
public record Watching(String reply, Optional<Stream> stream) {

    /** What is watched. Its methods may be called from any thread, and do not block. */
    public interface Stream {
        /** From now on {@code to} hears. To be called once. */
        void begin(Watcher to);

        /** It hears nothing more. May be called more than once, also before the beginning. */
        void end();
    }

    /** Whoever watches. */
    public interface Watcher {
        /**
         * Sends some.
         *
         * @param events JSON, a text each
         * @param sent called when they are out, and more may come; never, where the other end does not read
         */
        void send(List<String> events, Runnable sent);

        /** Sends why nothing more comes, and ends the connection. */
        void drop(ErrorCode code, String why);
    }
}
