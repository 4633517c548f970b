// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.Totals;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Sessions as a look sees them, on one device of 16 GiB. */
final class Views {
    private static final DeviceId DEVICE = new DeviceId(new UUID(0, 1));

    private Views() {}

    static SessionId id(int number) {
        return new SessionId("%016x".formatted(number));
    }

    static SessionView session(int number, int uid, long used) {
        return new SessionView(
                id(number),
                "s" + number,
                SessionState.ACTIVE,
                uid,
                Optional.empty(),
                Instant.EPOCH,
                Optional.empty(),
                false,
                true,
                "8GB",
                8L << 30,
                List.of(new DeviceUse(DEVICE, 8L << 30, used, used + 1)),
                List.of(),
                0,
                SessionView.Counters.NONE,
                List.of(),
                List.of(),
                List.of(),
                "v1");
    }

    static Look look(SessionView... sessions) {
        return look(List.of(), sessions);
    }

    static Look look(List<SessionId> silent, SessionView... sessions) {
        return new Look(
                new Sessions.ListReply.Listed(List.of(sessions), silent, new Totals(0, 0, 0)),
                new Devices.Known(List.of(new Devices.Device(DEVICE, 0, "Test GPU", 16L << 30)), ""));
    }
}
