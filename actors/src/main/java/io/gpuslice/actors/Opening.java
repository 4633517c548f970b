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
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.persistence.typed.javadsl.ReplyEffect;

/** How sessions are opened, joined and changed. */
final class Opening {

    private static final int ID_BYTES = 8;
    private static final Duration LONGEST_TTL = Duration.ofDays(3650);
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final int KNOWN_FLAGS = Abi.FLAG_STRICT | Abi.FLAG_KEEP | Abi.FLAG_NO_LEADER;

    private final ActorContext<Sessions.Command> context;
    private final Ports ports;
    private final Access access;
    /** Asked each time: it may be another by then. */
    private final Supplier<Sessions.Adjust> most;

    private final ActorRef<Devices.Command> devices;
    private final Journaling<SessionsEvent, Register> journaling;
    private final ListChronicle chronicle;
    private final Selection selection;
    private final Children children;

    Opening(
            ActorContext<Sessions.Command> context,
            Ports ports,
            Access access,
            Supplier<Sessions.Adjust> most,
            ActorRef<Devices.Command> devices,
            Journaling<SessionsEvent, Register> journaling,
            ListChronicle chronicle,
            Selection selection,
            Children children) {
        this.context = context;
        this.ports = ports;
        this.access = access;
        this.most = most;
        this.devices = devices;
        this.journaling = journaling;
        this.chronicle = chronicle;
        this.selection = selection;
        this.children = children;
    }

    ReplyEffect<SessionsEvent, Register> open(Register register, Sessions.Open open) {
        Refusable request = chronicle.heard(register, open);
        Optional<Access.Refusal> refusal = access.toOpen(open.caller());
        if (refusal.isPresent()) {
            request.refuse(refusal.get().code(), refusal.get().text());
        } else if (register.sessions().size() >= most.get().max()) {
            request.refuse(
                    ErrorCode.OVERLOADED,
                    register.sessions().size() + " sessions are open, and sessions.max allows no more: end one"
                            + " (`gpuslice ps`, `gpuslice rm`)");
        } else if (open.name().chars().anyMatch(Character::isISOControl)) {
            request.refuse(ErrorCode.BAD_REQUEST, "a session's name cannot have control characters");
        } else if (open.name().getBytes(StandardCharsets.UTF_8).length >= Abi.NAME_SIZE) {
            request.refuse(
                    ErrorCode.BAD_REQUEST,
                    "a session's name has at most " + (Abi.NAME_SIZE - 1) + " bytes of UTF-8, and this one has "
                            + open.name().getBytes(StandardCharsets.UTF_8).length);
        } else if ((open.flags() & ~KNOWN_FLAGS) != 0) {
            request.refuse(ErrorCode.BAD_REQUEST, "flags " + Integer.toHexString(open.flags()) + " are not known here");
        } else if (isLongerThanAnyTtl(open.ttl())) {
            request.refuse(ErrorCode.BAD_REQUEST, badTtl());
        } else {
            onDevices(known -> new Sessions.OpenOn(open, known));
        }
        return noReply();
    }

    ReplyEffect<SessionsEvent, Register> open(Register register, Sessions.Open open, Devices.Known known) {
        Refusable request = chronicle.heard(register, open);
        Optional<Resolved> resolved = resolve(open.limit(), known, request);
        if (resolved.isEmpty()) {
            return noReply();
        }
        // Not before, and here others cannot come in between: what is added next is what was looked at.
        Optional<Access.Refusal> refusal = isCapped(open.caller())
                ? most.get()
                        .caps()
                        .toOpen(register, open.caller().uid(), resolved.get().limits())
                : Optional.empty();
        if (refusal.isPresent()) {
            request.refuse(refusal.get().code(), refusal.get().text());
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
                Deadline.of(open.ttl(), ports.clock()),
                open.leader().map(Peer::process),
                TokenHash.of(token),
                open.flags() | (open.leader().isEmpty() ? Abi.FLAG_NO_LEADER : 0),
                now);
        String warning = warnings(sameName(register, open), resolved.get().warning());
        return journaling
                .persist(List.of(event), request)
                .thenRun(after -> {
                    children.open(after.entry(id));
                    chronicle.opened(open.caller(), event);
                })
                .thenReply(open.replyTo(), after -> new Sessions.OpenReply.Opened(id, token, warning));
    }

    /** A name may be given twice, but then it is of no use to select by. */
    private String sameName(Register register, Sessions.Open open) {
        List<Register.Entry> others = selection.visible(register, open.caller()).stream()
                .filter(entry -> !open.name().isEmpty() && entry.name().equals(open.name()))
                .toList();
        return switch (others.size()) {
            case 0 -> "";
            case 1 ->
                "another session is called " + open.name() + " ("
                        + others.getFirst().id() + "): use the id";
            default -> others.size() + " other sessions are called " + open.name() + ": use the id";
        };
    }

    private static String warnings(String... texts) {
        return Arrays.stream(texts).filter(text -> !text.isEmpty()).collect(Collectors.joining("; "));
    }

    ReplyEffect<SessionsEvent, Register> join(Register register, Sessions.Join join) {
        Refusable request = chronicle.heard(register, join);
        return selection
                .toChange(register, join.caller(), join.selector(), request)
                .map(entry -> {
                    String token = TokenHash.freshToken(ports.random());
                    return journaling
                            .persist(List.of(new TokenAdded(entry.id(), TokenHash.of(token))), request)
                            .thenRun(after -> {
                                children.follow(after.entry(entry.id()));
                                chronicle.tokenAdded(join.caller(), entry.id());
                            })
                            .thenReply(
                                    join.replyTo(),
                                    after -> new Sessions.OpenReply.Opened(entry.id(), token, expiredWarning(entry)));
                })
                .orElseGet(this::noReply);
    }

    ReplyEffect<SessionsEvent, Register> update(Register register, Sessions.Update update) {
        Refusable request = chronicle.heard(register, update);
        if (update.ttl().filter(Opening::isLongerThanAnyTtl).isPresent()) {
            request.refuse(ErrorCode.BAD_REQUEST, badTtl());
        } else if (selection
                .toChange(register, update.caller(), update.selector(), request)
                .isPresent()) {
            onDevices(known -> new Sessions.UpdateOn(update, known));
        }
        return noReply();
    }

    ReplyEffect<SessionsEvent, Register> update(Register register, Sessions.Update update, Devices.Known known) {
        Refusable request = chronicle.heard(register, update);
        Optional<Register.Entry> entry = selection.toChange(register, update.caller(), update.selector(), request);
        Optional<Resolved> resolved = update.limit().flatMap(limit -> resolve(limit, known, request));
        if (entry.isEmpty() || resolved.isPresent() != update.limit().isPresent()) {
            return noReply();
        }
        if (entry.get().isOutdated(update.versions())) {
            chronicle.outdated(update, entry.get());
            update.replyTo()
                    .tell(new Sessions.UpdateReply.Outdated(
                            entry.get().id(), entry.get().version()));
            return noReply();
        }
        Optional<Access.Refusal> refusal = resolved.filter(_ -> isCapped(update.caller()))
                .flatMap(other -> most.get().caps().toResize(register, entry.get(), other.limits()));
        if (refusal.isPresent()) {
            request.refuse(refusal.get().code(), refusal.get().text());
            return noReply();
        }
        SessionId id = entry.get().id();
        Optional<Resized> resized =
                resolved.map(other -> new Resized(id, update.limit().orElseThrow(), other.limits()));
        Optional<Renewed> renewed = update.ttl().map(ttl -> new Renewed(id, Deadline.of(ttl, ports.clock())));
        List<SessionsEvent> events = new ArrayList<>();
        resized.ifPresent(events::add);
        renewed.ifPresent(events::add);
        return journaling
                .persist(events, request)
                .thenRun(after -> {
                    if (renewed.isPresent()) {
                        children.renew(after.entry(id));
                    } else {
                        children.follow(after.entry(id));
                    }
                    resized.ifPresent(other -> chronicle.resized(update.caller(), other));
                    renewed.ifPresent(other -> chronicle.renewed(update.caller(), other));
                })
                .thenReply(
                        update.replyTo(),
                        after -> new Sessions.UpdateReply.Updated(
                                id, resolved.map(Resolved::warning).orElse("")));
    }

    private boolean isCapped(Caller caller) {
        return !access.isAdministrator(caller);
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

    private static String expiredWarning(Register.Entry entry) {
        return entry.expired()
                ? "session " + entry.id() + " has expired: new memory is refused until `gpuslice update " + entry.id()
                        + " --ttl 2h` renews it"
                : "";
    }

    private static boolean isLongerThanAnyTtl(Duration ttl) {
        return ttl.isNegative() || ttl.compareTo(LONGEST_TTL) > 0;
    }

    private static String badTtl() {
        return "a TTL is at most " + LONGEST_TTL.toDays() + " days; `none` is none";
    }

    private ReplyEffect<SessionsEvent, Register> noReply() {
        return journaling.effects().noReply();
    }
}
