// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.SessionId;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/** The sessions that a caller may see, and the devices, as they were at one moment. Thread-safe. */
public final class Look {

    private final Sessions.ListReply.Listed listed;
    private final Devices.Known known;
    private final Map<SessionId, String> texts = new ConcurrentHashMap<>();

    public Look(Sessions.ListReply.Listed listed, Devices.Known known) {
        this.listed = listed;
        this.known = known;
    }

    public Sessions.ListReply.Listed listed() {
        return listed;
    }

    /** The devices of this machine. */
    public Devices.Known known() {
        return known;
    }

    /** A session's text, made once for all who are shown this look. */
    public String text(SessionView session, Supplier<String> text) {
        return texts.computeIfAbsent(session.id(), _ -> text.get());
    }
}
