// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.LimitSpec;
import io.gpuslice.config.Sizes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What is to be different about a session, checked before anybody is asked.
 *
 * @param limit as typed; empty: it stays
 * @param ttl as typed, from now on; empty: it stays
 */
record SessionChange(Optional<String> limit, Optional<String> ttl) {
    /** @throws Failure if nothing is to change, or to something that makes no sense */
    static SessionChange of(Optional<String> limit, Optional<String> ttl) throws Failure {
        if (limit.isEmpty() && ttl.isEmpty()) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    "nothing to change was given",
                    "write --limit 8GB, --ttl 2h, --ttl none, or both");
        }
        try {
            limit.ifPresent(LimitSpec::parse);
            ttl.ifPresent(OpenRequest::ttl);
            return new SessionChange(limit, ttl);
        } catch (InvalidValueException e) {
            throw new Failure(Failure.Kind.USAGE, String.valueOf(e.getMessage()), "");
        }
    }

    Json body() {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        limit.ifPresent(text -> members.put("limit", text));
        ttl.ifPresent(text -> members.put("ttl", text));
        return new Json(members);
    }

    /**
     * What whoever made the change should know beside the fact.
     *
     * @param session as the daemon says that it is now
     */
    List<String> warnings(Json session) {
        List<String> warnings = new ArrayList<>();
        if (session.has("warning")) {
            warnings.add(session.text("warning", ""));
        }
        if (limit.isEmpty()) {
            return warnings;
        }
        for (Json device : session.objects("devices")) {
            long used = device.number("used_bytes", 0);
            long allowed = device.number("limit_bytes", Long.MAX_VALUE);
            if (used > allowed) {
                warnings.add(
                        "on device " + SessionText.device(device) + " the session holds " + Sizes.format(used) + ", "
                                + Sizes.format(used - allowed) + " more than its limit of " + Sizes.format(allowed)
                                + " now: nothing is taken away, and new memory is refused until it fits");
            }
        }
        return warnings;
    }
}
