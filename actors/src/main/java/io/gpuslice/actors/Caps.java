// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.config.Settings;
import io.gpuslice.config.Sizes;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.util.List;
import java.util.Optional;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/**
 * What one user may have in sum.
 *
 * @param sessions open at one time; none: not bounded
 * @param limit bytes of their limits on each device; none: not bounded
 */
record Caps(Optional<Integer> sessions, Optional<Long> limit) {

    static final Caps NONE = new Caps(Optional.empty(), Optional.empty());

    static Caps of(Settings.Access access) {
        return new Caps(access.sessionsPerUser(), access.limitPerUser());
    }

    /** Whether a user may have one more session, with these limits; empty: yes. */
    Optional<Access.Refusal> toOpen(Register register, int uid, Limits limits) {
        List<Register.Entry> own = of(register, uid);
        if (sessions.isPresent() && own.size() >= sessions.get()) {
            return Optional.of(new Access.Refusal(
                    ErrorCode.QUOTA_EXCEEDED,
                    own.size() + " sessions of uid " + uid + " are open, and access.sessions-per-user allows "
                            + sessions.get() + ": end one (`gpuslice ps`, `gpuslice rm`)"));
        }
        return within(uid, own, limits);
    }

    /** Whether the owner of {@code changed} may have it with these limits; empty: yes. */
    Optional<Access.Refusal> toResize(Register register, Register.Entry changed, Limits limits) {
        SessionId id = changed.id();
        List<Register.Entry> others = of(register, changed.uid()).stream()
                .filter(entry -> !entry.id().equals(id))
                .toList();
        return shrinks(changed.limits(), limits) ? Optional.empty() : within(changed.uid(), others, limits);
    }

    /** Whoever stands over a cap that was lowered may still come down by steps. */
    private static boolean shrinks(Limits before, Limits after) {
        return after.defaultBytes() <= before.defaultBytes()
                && Stream.concat(before.perDevice().keySet().stream(), after.perDevice().keySet().stream())
                        .allMatch(device -> after.on(device) <= before.on(device));
    }

    private Optional<Access.Refusal> within(int uid, List<Register.Entry> others, Limits limits) {
        if (limit.isEmpty()) {
            return Optional.empty();
        }
        Stream<DeviceId> named = Stream.concat(
                        Stream.of(limits), others.stream().map(Register.Entry::limits))
                .flatMap(each -> each.perDevice().keySet().stream())
                .distinct();
        return Stream.concat(
                        Stream.of(over(uid, others, limits, "each device", Limits::defaultBytes)),
                        named.map(device -> over(uid, others, limits, "device " + device, each -> each.on(device))))
                .flatMap(Optional::stream)
                .findFirst();
    }

    private Optional<Access.Refusal> over(
            int uid, List<Register.Entry> others, Limits limits, String where, ToLongFunction<Limits> there) {
        long wanted = there.applyAsLong(limits);
        long held = others.stream()
                .mapToLong(entry -> there.applyAsLong(entry.limits()))
                .reduce(0, Caps::sum);
        return sum(held, wanted) <= limit.orElseThrow()
                ? Optional.empty()
                : Optional.of(new Access.Refusal(
                        ErrorCode.QUOTA_EXCEEDED,
                        "the limits of uid " + uid + "'s sessions come to " + Sizes.format(held) + " on " + where
                                + ", and with " + Sizes.format(wanted) + " more they were over the "
                                + Sizes.format(limit.orElseThrow())
                                + " of access.limit-per-user: ask for less, or end another session"));
    }

    /** Limits may be as high as they can be written. */
    private static long sum(long a, long b) {
        return a > Long.MAX_VALUE - b ? Long.MAX_VALUE : a + b;
    }

    private static List<Register.Entry> of(Register register, int uid) {
        return register.sessions().values().stream()
                .filter(entry -> entry.uid() == uid)
                .toList();
    }
}
