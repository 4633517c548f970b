// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionsEvent.Opened;
import io.gpuslice.actors.SessionsEvent.Renewed;
import io.gpuslice.actors.SessionsEvent.Resized;
import io.gpuslice.actors.SessionsEvent.TokenAdded;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.LimitSpec;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.persistence.typed.javadsl.ReplyEffect;

/** How sessions are opened, joined and changed. */
final class Opening {

    private static final int ID_BYTES = 8;
    private static final int MOST_TOKENS = 4096;
    private static final Duration LONGEST_TTL = Duration.ofDays(3650);
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final int KNOWN_FLAGS = Abi.FLAG_STRICT | Abi.FLAG_KEEP | Abi.FLAG_NO_LEADER;

    private final ActorContext<Sessions.Command> context;
    private final Ports ports;
    private final Sessions.Settings settings;
    private final ActorRef<Devices.Command> devices;
    private final Journaling<SessionsEvent, Register> journaling;
    private final Selection selection;
    private final Children children;

    Opening(
            ActorContext<Sessions.Command> context,
            Ports ports,
            Sessions.Settings settings,
            ActorRef<Devices.Command> devices,
            Journaling<SessionsEvent, Register> journaling,
            Selection selection,
            Children children) {
        this.context = context;
        this.ports = ports;
        this.settings = settings;
        this.devices = devices;
        this.journaling = journaling;
        this.selection = selection;
        this.children = children;
    }

    ReplyEffect<SessionsEvent, Register> open(Register register, Sessions.Open open) {
        Optional<Access.Refusal> refusal = settings.each().access().toOpen(open.caller());
        if (refusal.isPresent()) {
            open.refuse(refusal.get().code(), refusal.get().text());
        } else if (register.sessions().size() >= settings.max()) {
            open.refuse(
                    ErrorCode.OVERLOADED,
                    register.sessions().size() + " sessions are open, and sessions.max allows no more: end one"
                            + " (`gpuslice ps`, `gpuslice rm`)");
        } else if (open.name().chars().anyMatch(Character::isISOControl)) {
            open.refuse(ErrorCode.BAD_REQUEST, "a session's name cannot have control characters");
        } else if ((open.flags() & ~KNOWN_FLAGS) != 0) {
            open.refuse(ErrorCode.BAD_REQUEST, "flags " + Integer.toHexString(open.flags()) + " are not known here");
        } else if (isLongerThanAnyTtl(open.ttl())) {
            open.refuse(ErrorCode.BAD_REQUEST, badTtl());
        } else {
            onDevices(known -> new Sessions.OpenOn(open, known));
        }
        return noReply();
    }

    ReplyEffect<SessionsEvent, Register> open(Register register, Sessions.Open open, Devices.Known known) {
        Optional<Resolved> resolved = resolve(open.limit(), known, open);
        if (resolved.isEmpty()) {
            return noReply();
        }
        SessionId id = new SessionId(freshId());
        String token = TokenHash.freshToken(ports.random());
        Instant now = ports.clock().now();
        Opened event = new Opened(
                id,
                register.freeSlot(children.busySlots()),
                open.name(),
                open.caller().uid(),
                open.limit(),
                resolved.get().limits(),
                open.ttl().isZero() ? Optional.empty() : Optional.of(now.plus(open.ttl())),
                open.leader().map(Peer::process),
                TokenHash.of(token),
                open.flags() | (open.leader().isEmpty() ? Abi.FLAG_NO_LEADER : 0),
                now);
        return journaling
                .persist(List.of(event), open)
                .thenRun(after -> children.open(after.entry(id), open.ttl()))
                .thenReply(
                        open.replyTo(),
                        after -> new Sessions.OpenReply.Opened(
                                id, token, resolved.get().warning()));
    }

    ReplyEffect<SessionsEvent, Register> join(Register register, Sessions.Join join) {
        return selection
                .toChange(register, join.caller(), join.selector(), join)
                .map(entry -> {
                    if (entry.tokens().size() >= MOST_TOKENS) {
                        join.refuse(
                                ErrorCode.OVERLOADED,
                                "session " + entry.id() + " has given out " + MOST_TOKENS
                                        + " tokens, and no more are kept: open another one");
                        return noReply();
                    }
                    String token = TokenHash.freshToken(ports.random());
                    return journaling
                            .persist(List.of(new TokenAdded(entry.id(), TokenHash.of(token))), join)
                            .thenRun(after -> children.follow(after.entry(entry.id())))
                            .thenReply(join.replyTo(), after -> new Sessions.OpenReply.Opened(entry.id(), token, ""));
                })
                .orElseGet(this::noReply);
    }

    ReplyEffect<SessionsEvent, Register> update(Register register, Sessions.Update update) {
        if (update.ttl().filter(Opening::isLongerThanAnyTtl).isPresent()) {
            update.refuse(ErrorCode.BAD_REQUEST, badTtl());
        } else if (selection
                .toChange(register, update.caller(), update.selector(), update)
                .isPresent()) {
            onDevices(known -> new Sessions.UpdateOn(update, known));
        }
        return noReply();
    }

    ReplyEffect<SessionsEvent, Register> update(Register register, Sessions.Update update, Devices.Known known) {
        Optional<Register.Entry> entry = selection.toChange(register, update.caller(), update.selector(), update);
        Optional<Resolved> resolved = update.limit().flatMap(limit -> resolve(limit, known, update));
        if (entry.isEmpty() || resolved.isPresent() != update.limit().isPresent()) {
            return noReply();
        }
        SessionId id = entry.get().id();
        List<SessionsEvent> events = new ArrayList<>();
        resolved.ifPresent(other -> events.add(new Resized(id, update.limit().orElseThrow(), other.limits())));
        update.ttl().ifPresent(ttl -> {
            events.add(new Renewed(
                    id,
                    ttl.isZero()
                            ? Optional.empty()
                            : Optional.of(ports.clock().now().plus(ttl))));
        });
        return journaling
                .persist(events, update)
                .thenRun(after -> update.ttl()
                        .ifPresentOrElse(
                                ttl -> children.renew(after.entry(id), ttl), () -> children.follow(after.entry(id))))
                .thenReply(
                        update.replyTo(),
                        after -> new Sessions.UpdateReply.Updated(
                                id, resolved.map(Resolved::warning).orElse("")));
    }

    private record Resolved(Limits limits, String warning) {}

    private static Optional<Resolved> resolve(String limit, Devices.Known known, Refusable request) {
        try {
            LimitSpec.Resolved resolved = LimitSpec.parse(limit).resolve(known.forLimits());
            Map<DeviceId, Long> perDevice = new LinkedHashMap<>();
            resolved.perDevice().forEach((uuid, bytes) -> perDevice.put(DeviceId.valueOf(uuid), bytes));
            return Optional.of(new Resolved(
                    new Limits(resolved.defaultBytes(), perDevice), String.join("; ", resolved.warnings())));
        } catch (InvalidValueException e) {
            String why = known.problem().isEmpty() ? "" : " (" + known.problem() + ")";
            request.refuse(ErrorCode.BAD_REQUEST, e.getMessage() + why);
            return Optional.empty();
        }
    }

    /** Asks for the devices first; a limit may be a share of them. */
    private void onDevices(Function<Devices.Known, Sessions.Command> then) {
        context.ask(
                Devices.Known.class,
                devices,
                PATIENCE,
                Devices.Get::new,
                (known, failure) -> then.apply(
                        known != null ? known : new Devices.Known(List.of(), "the devices could not be listed")));
    }

    private String freshId() {
        byte[] bits = new byte[ID_BYTES];
        ports.random().nextBytes(bits);
        return HexFormat.of().formatHex(bits);
    }

    private static boolean isLongerThanAnyTtl(Duration ttl) {
        return ttl.isNegative() || ttl.compareTo(LONGEST_TTL) > 0;
    }

    private static String badTtl() {
        return "a TTL is at most " + LONGEST_TTL.toDays() + " days; 0 is none";
    }

    private ReplyEffect<SessionsEvent, Register> noReply() {
        return journaling.effects().noReply();
    }
}
