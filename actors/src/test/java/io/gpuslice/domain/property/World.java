// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.domain.Change;
import io.gpuslice.domain.Decision;
import io.gpuslice.domain.Decision.Denied;
import io.gpuslice.domain.Decision.Granted;
import io.gpuslice.domain.Decisions;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.Joining;
import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.LedgerEvent.Held;
import io.gpuslice.domain.LedgerEvent.Left;
import io.gpuslice.domain.LedgerEvent.Lingers;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.Page;
import io.gpuslice.domain.PageIdentity;
import io.gpuslice.domain.PageLookup;
import io.gpuslice.domain.PageWrite;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.Remains;
import io.gpuslice.domain.SessionState;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Plays a history: guests, their driver, and a daemon around the domain; throws where an invariant is broken. */
final class World implements GuestThread.Around {
    private static final int GUESTS = 3;
    private static final DeviceId D0 = new DeviceId(new UUID(0, 0));
    private static final DeviceId D1 = new DeviceId(new UUID(0, 1));

    private record Request(GuestThread thread, int device, long bytes, boolean held) {}

    private final History history;
    private final Sabotage sabotage;
    private final Population guests = new Population();
    private final Deque<Request> requests = new ArrayDeque<>();
    private final Set<ImageId> returned = new HashSet<>();
    /** The dead whose memory others keep. */
    private final Map<ProcessId, Guest> ghosts = new HashMap<>();

    private Ledger ledger;
    private boolean daemonUp = true;
    private int images;
    private int pagesMade;
    private int entropy;
    private @Nullable Watched watched;

    /** Grows with every limit or state that the session gets; an allocation remembers when it began. */
    private int rules;
    /** The rules that every page carries: what began under them must obey them. */
    private int rulesInForce;

    final Tally tally = new Tally();

    World(History history, Sabotage sabotage) {
        this.history = history;
        this.sabotage = sabotage;
        ledger = Ledger.open(limits(8, 5), history.strict());
        for (int i = 0; i < GUESTS; i++) {
            guests.add(newImage(new ProcessId("boot", 100 + i, i)));
        }
    }

    void play() {
        for (Action action : history.actions()) {
            entropy = action.entropy();
            act(action);
            Invariants.check(ledger, guests);
        }
    }

    private void act(Action action) {
        Guest guest = guests.get(action.who());
        GuestThread thread = guest.threads.get(action.who() / GUESTS % guest.threads.size());
        switch (action.kind()) {
            case STEPS -> steps(thread, action.what());
            case HOLD -> hold(thread, action.what());
            case DIE -> guest.end();
            case EXEC -> exec(guest);
            case LOSE_PAGE -> {
                guest.pageLost = guest.joined;
                guest.unruled = guest.joined;
            }
            case FORGE -> forge(guest, action.what());
            case KILL_DAEMON -> killDaemon();
            case RESTART -> restart();
            case JOIN, SERVE, RECLAIM, LET_GO, RESIZE, EXPIRE, RENEW, CLOSE -> {
                if (daemonUp) {
                    serve(action, guest);
                }
            }
        }
    }

    private void serve(Action action, Guest guest) {
        switch (action.kind()) {
            case JOIN -> join(guest);
            case SERVE -> serve();
            case RECLAIM -> reclaim(guest, action.what() % 3 == 0);
            case LET_GO -> letGo();
            case RESIZE ->
                change(
                        Decisions.resize(
                                ledger,
                                limits(
                                        action.what() % (History.MOST_UNITS + 1),
                                        action.what() / 16 % (History.MOST_UNITS + 1)),
                                pages()),
                        true);
            case EXPIRE -> change(Decisions.expire(ledger, pages()), true);
            case RENEW -> {
                if (ledger.state() != SessionState.CLOSED) {
                    change(Decisions.renew(ledger), true);
                }
            }
            // Rarely: nothing comes after it.
            case CLOSE -> {
                if (action.what() % 4 == 0) {
                    change(Decisions.close(ledger, pages()), true);
                }
            }
            case STEPS, HOLD, DIE, EXEC, LOSE_PAGE, FORGE, KILL_DAEMON, RESTART -> throw new AssertionError(action);
        }
    }

    // ---------------------------------------------------------------- guests

    private Guest newImage(ProcessId process) {
        List<DeviceId> devices = process.pid() % 2 == 0 ? List.of(D0, D1) : List.of(D1, D0);
        return new Guest(process, new ImageId("image" + images++), devices, sabotage);
    }

    private void steps(GuestThread thread, int what) {
        for (int i = 0; i <= what % 8; i++) {
            step(thread, what / 8);
        }
    }

    private void step(GuestThread thread, int what) {
        if (!thread.guest.runs() || thread.waiting()) {
            return;
        }
        if (thread.guest.untaken) {
            thread.guest.untaken = false; // it has carried its own numbers over
        } else if (!thread.idle()) {
            thread.step(this);
        } else if (what % 2 == 0) {
            thread.free();
        } else {
            thread.allocate(what / 2 % 4 == 0 ? 1 : 0, bytes(what / 8), this);
        }
        Invariants.check(ledger, guests);
    }

    private void hold(GuestThread thread, int what) {
        if (thread.guest.runs() && !thread.guest.untaken && thread.idle()) {
            thread.hold(what % 2, (1 + what / 2 % 3) * Math.min(history.unit(), 1L << 20));
        }
    }

    /** Mostly a few units, sometimes one byte beside, sometimes more than anybody has. */
    private long bytes(int what) {
        if (what % 32 == 31) {
            return Long.MAX_VALUE;
        }
        long whole = (1 + what % 4) * history.unit();
        return what / 4 % 4 == 3 && history.unit() > 1 ? whole - 1 : whole;
    }

    private void exec(Guest guest) {
        guest.end();
        guests.replace(guest, newImage(guest.process));
    }

    private void forge(Guest guest, int what) {
        if (guest.joined && !guest.dead) {
            long[] lies = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 0, 3 * history.unit()};
            guest.forger = true;
            guest.untaken = false;
            guest.used[what % 2] = lies[what % lies.length];
        }
    }

    @Override
    public boolean ask(GuestThread thread, int device, long bytes, boolean held) {
        if (daemonUp) {
            requests.add(new Request(thread, device, bytes, held));
        }
        return daemonUp;
    }

    @Override
    public void begins(GuestThread thread, int device) {
        // No rule reaches a page that the daemon has lost, only the charge that is already in it.
        thread.beganAt = thread.guest.unruled ? -1 : rulesInForce;
    }

    @Override
    public void allocates(GuestThread thread, int device, long bytes) {
        if (thread.beganAt != rules) {
            return; // began before the session got its present rules: its charge alone counts
        }
        DeviceId id = thread.guest.devices.get(device);
        assertThat(ledger.state())
                .as("%s allocates, and began in this state", thread)
                .isEqualTo(SessionState.ACTIVE);
        assertThat(bytes)
                .as("%s allocates on %s, and began under this limit", thread, id)
                .isLessThanOrEqualTo(ledger.limits().on(id) - guests.held(id) - kept(id));
    }

    private long kept(DeviceId device) {
        return ghosts.values().stream()
                .mapToLong(ghost -> ghost.left[ghost.devices.indexOf(device)])
                .sum();
    }

    // ---------------------------------------------------------------- daemon

    private void join(Guest known) {
        Guest guest = known;
        if (known.dead) {
            guest = newImage(new ProcessId("boot", known.process.pid(), images));
            guests.replace(known, guest);
        }
        Joining joining = Decisions.join(
                ledger, guest.process, guest.image, guest.devices, new PageIdentity(1, pagesMade++, 4096, 7, "page"));
        switch (joining) {
            case Joining.Welcomed welcomed -> {
                guest.untaken |= guest.pageLost;
                guest.pageLost = false;
                if (change(welcomed.change(), false)) {
                    guest.joined = true;
                    guest.unruled = false;
                }
            }
            case Joining.Refused refused ->
                assertThat(ledger.state()).as(refused.text()).isEqualTo(SessionState.CLOSED);
        }
    }

    private void serve() {
        Request request = requests.poll();
        if (request == null || request.thread().guest.dead) {
            return;
        }
        Guest guest = request.thread().guest;
        DeviceId device = guest.devices.get(request.device());
        Watched watch = new Watched(ledger, guests, device);
        watched = watch;
        long stepsBefore = tally.stepsInsideDecisions;
        Decision decision = request.held()
                ? Decisions.hold(ledger, guest.process, request.device(), request.bytes(), pages())
                : Decisions.charge(ledger, guest.process, request.device(), request.bytes(), pages());
        watched = null;
        boolean impossible = isImpossible(request, device, decision);
        if (decision instanceof Denied denied && !impossible) {
            watch.check(guest, denied);
        }
        long believed = watch.most(guest.process);
        boolean undisturbed = stepsBefore == tally.stepsInsideDecisions;
        boolean forced = decision.change().events().stream().anyMatch(Held.class::isInstance);
        Ledger after = ledger.apply(decision.change().events());
        if (forced && after.free(device) < 0) {
            assertThat(after.charged(device))
                    .as("charged by force on %s: no credit is left to anybody", device)
                    .isLessThanOrEqualTo(watch.mostOfAll() + request.bytes());
        }
        long raised = raised(decision.change().events(), guest.process, device);
        if (history.strict() || request.held()) {
            assertThat(raised).as("nothing ahead of need").isLessThanOrEqualTo(request.bytes());
        }
        if (!change(decision.change(), forced)) {
            return;
        }
        tally.ahead += raised > request.bytes() ? 1 : 0;
        tally.forced += forced ? 1 : 0;
        tally.collected += decision.change().events().size() > 1 ? 1 : 0;
        switch (decision) {
            case Granted granted -> {
                tally.granted++;
                assertThat(granted.charge()).isEqualTo(member(guest).charge(device));
                if (undisturbed && stepsBefore == tally.stepsInsideDecisions) {
                    assertThat(granted.charge() - believed)
                            .as("what was granted fits beside what is held")
                            .isGreaterThanOrEqualTo(request.bytes());
                }
                request.thread().answered(true);
            }
            case Denied denied -> {
                tally.denied++;
                if (impossible) {
                    request.thread().impossible();
                } else {
                    request.thread().answered(false);
                }
            }
        }
    }

    /** By how much the last event, which is the grant where there is one, raises this process's charge. */
    private long raised(List<LedgerEvent> events, ProcessId process, DeviceId device) {
        Ledger before = ledger.apply(events.subList(0, Math.max(0, events.size() - 1)));
        return ledger.apply(events).member(process).orElseThrow().charge(device)
                - before.member(process).orElseThrow().charge(device);
    }

    /** What is held is refused only where no device has that much. */
    private boolean isImpossible(Request request, DeviceId device, Decision decision) {
        boolean impossible =
                request.held() && decision instanceof Denied denied && denied.code() == ErrorCode.BAD_REQUEST;
        if (impossible) {
            assertThat(request.bytes())
                    .isGreaterThan(Math.max(ledger.limits().on(device), Abi.MAX_BYTES) - ledger.charged(device));
        }
        return impossible;
    }

    /** Those who kept what the dead held are gone, too. */
    private void letGo() {
        for (Remains remains : ledger.remains()) {
            if (change(Decisions.lingered(ledger, remains.process()), false)) {
                assertThat(Decisions.lingered(ledger, remains.process())).isEqualTo(Change.NONE);
            }
        }
        ghosts.keySet().removeIf(process -> ledger.remains(process).isEmpty());
    }

    /** @param kept whether others keep what a dead one held */
    private void reclaim(Guest guest, boolean kept) {
        ledger.member(guest.process)
                .filter(member -> !member.image().equals(guest.image))
                .ifPresent(member -> change(Decisions.execed(ledger, guest.process, member.image()), false));
        // What died under this pid before belongs to another start time: see join.
        for (Member member : ledger.members()) {
            boolean lives =
                    guests.all().stream().anyMatch(other -> !other.dead && other.process.equals(member.process()));
            if (!lives && kept && daemonUp) {
                linger(member);
            } else if (!lives || sabotage == Sabotage.RECLAIM_THE_LIVING) {
                if (daemonUp && change(Decisions.died(ledger, member.process()), false)) {
                    assertThat(Decisions.died(ledger, member.process())).isEqualTo(Change.NONE);
                    assertThat(Decisions.execed(ledger, member.process(), member.image()))
                            .isEqualTo(Change.NONE);
                }
            }
        }
    }

    private void linger(Member member) {
        Guest ghost = guests.member(ledger, member.process());
        if (ghost != null) {
            ghosts.put(member.process(), ghost);
        }
        change(
                sabotage == Sabotage.FORGET_THE_LINGERING
                        ? Decisions.died(ledger, member.process())
                        : Decisions.lingers(ledger, member.process(), pages()),
                false);
        if (sabotage == Sabotage.NONE) {
            ghosts.keySet().removeIf(process -> ledger.remains(process).isEmpty());
        }
    }

    /** Carries a change out, unless the daemon is killed on the way. */
    private boolean change(Change change, boolean newRules) {
        if (!daemonUp || killed()) {
            return false;
        }
        if (sabotage == Sabotage.PAGE_BEFORE_JOURNAL) {
            change.writes().forEach(this::write);
            if (killed()) {
                return false;
            }
        }
        journal(change.events());
        if (newRules) {
            rules++;
        }
        for (PageWrite write : change.writes()) {
            interleave();
            if (killed()) {
                return false;
            }
            write(write);
            Invariants.check(ledger, guests);
        }
        rulesInForce = rules;
        assertThat(pagesAreRight())
                .as("every page carries what the ledger says")
                .isTrue();
        return true;
    }

    private void journal(List<LedgerEvent> events) {
        Ledger before = ledger;
        ledger = ledger.apply(events);
        for (DeviceId device : ledger.devices()) {
            assertThat(ledger.charged(device) - forced(before, events, device))
                    .as("charges on %s after %s, but for what was forced", device, events)
                    .isLessThanOrEqualTo(Math.max(ledger.limits().on(device), before.charged(device)));
        }
        for (LedgerEvent event : events) {
            if (event instanceof Lingers lingers) {
                tally.lingering++;
                assertThat(returned.add(lingers.image()))
                        .as("%s returned once", lingers)
                        .isTrue();
                checkRemains(lingers);
            }
            if (event instanceof Left left) {
                tally.returned++;
                assertThat(returned.add(left.image()))
                        .as("%s returned once", left)
                        .isTrue();
                assertThat(left.returned())
                        .isEqualTo(nonZero(before.apply(events.subList(0, events.indexOf(left)))
                                .member(left.process())
                                .orElseThrow()));
            }
        }
        Invariants.check(ledger, guests);
    }

    /** By how much these events raise charges on a device whatever the limit. */
    private static long forced(Ledger before, List<LedgerEvent> events, DeviceId device) {
        Ledger now = before;
        long forced = 0;
        for (LedgerEvent event : events) {
            if (event instanceof Held held && held.device().equals(device)) {
                long raise =
                        held.charge() - now.member(held.process()).orElseThrow().charge(device);
                assertThat(now.state() == SessionState.ACTIVE && raise <= now.free(device))
                        .as("%s fits into the limit", held)
                        .isFalse();
                forced += raise;
            }
            now = now.apply(event);
        }
        return forced;
    }

    private void checkRemains(Lingers lingers) {
        Guest ghost = ghosts.get(lingers.process());
        if (ghost != null && !ghost.forger) {
            for (int i = 0; i < ghost.devices.size(); i++) {
                assertThat(lingers.held().getOrDefault(ghost.devices.get(i), 0L))
                        .as("counted of what %s held", ghost)
                        .isGreaterThanOrEqualTo(ghost.left[i]);
            }
        }
    }

    private static Map<DeviceId, Long> nonZero(Member member) {
        Map<DeviceId, Long> charges = new HashMap<>();
        member.devices().forEach(device -> charges.put(device, member.charge(device)));
        charges.values().removeIf(charge -> charge == 0);
        return charges;
    }

    private void write(PageWrite write) {
        Guest guest = guests.member(ledger, write.process());
        if (guest != null && !guest.pageLost) {
            store(guest, write.device(), write.word());
        }
    }

    private void store(Guest guest, int device, long word) {
        guest.charge[device] = sabotage == Sabotage.NO_GATE ? word & ~Page.GATED : word;
    }

    private boolean pagesAreRight() {
        return sabotage == Sabotage.NO_GATE
                || ledger.pageWrites().stream().allMatch(write -> {
                    Guest guest = guests.member(ledger, write.process());
                    return guest == null || guest.pageLost || guest.charge[write.device()] == write.word();
                });
    }

    private void killDaemon() {
        if (daemonUp) {
            daemonUp = false;
            tally.daemonKills++;
            requests.forEach(request -> request.thread().answered(false));
            requests.clear();
            // One whose request was being decided waits no longer either.
            guests.all()
                    .forEach(guest -> guest.threads.stream()
                            .filter(GuestThread::waiting)
                            .forEach(thread -> thread.answered(false)));
        }
    }

    private boolean killed() {
        if (daemonUp && entropy != 0 && draw(60) == 0) {
            killDaemon();
        }
        return !daemonUp;
    }

    private void restart() {
        if (daemonUp) {
            return;
        }
        daemonUp = true;
        if (sabotage != Sabotage.NO_REOPEN) {
            for (Member member : ledger.members()) {
                for (PageWrite write : ledger.pageWrites(member.process())) {
                    interleave();
                    write(write);
                    Invariants.check(ledger, guests);
                }
            }
        }
        rulesInForce = rules;
        guests.all().forEach(guest -> guest.unruled = guest.pageLost);
        guests.all().forEach(guest -> reclaim(guest, false));
        if (daemonUp) {
            assertThat(pagesAreRight())
                    .as("after a restart every page carries what the ledger says")
                    .isTrue();
        }
    }

    // ----------------------------------------------------------------- pages

    private PageLookup pages() {
        Map<ProcessId, Page> views = new HashMap<>();
        return process -> {
            Guest guest = guests.member(ledger, process);
            boolean believed =
                    guest != null && (guest.pageCounts() || (guest.untaken && sabotage == Sabotage.EMPTY_REPLACEMENT));
            return guest != null && believed ? views.computeIfAbsent(process, any -> new View(guest)) : null;
        };
    }

    /** A page as the daemon has it mapped: anything can happen before each access. */
    private final class View implements Page {
        private final Guest guest;
        private final Map<Integer, Long> lastRead = new HashMap<>();
        private final Set<Integer> stored = new HashSet<>();

        View(Guest guest) {
            this.guest = guest;
        }

        @Override
        public void storeCharge(int device, long word) {
            interleave();
            stored.add(device);
            store(guest, device, word);
            Invariants.check(ledger, guests);
        }

        @Override
        public long used(int device) {
            interleave();
            if (sabotage == Sabotage.NO_REREAD_USED && stored.contains(device)) {
                return lastRead.getOrDefault(device, 0L);
            }
            lastRead.put(device, guest.word(device));
            return sabotage == Sabotage.BLIND_TO_CREDIT
                    ? member(guest).charge(guest.devices.get(device))
                    : guest.word(device);
        }
    }

    /** Up to four steps of anybody; now and then a death. */
    private void interleave() {
        if (entropy == 0) {
            return;
        }
        Watched watch = watched;
        for (int left = draw(5); left > 0; left--) {
            Guest guest = guests.get(draw(GUESTS));
            if (draw(64) == 0) {
                guest.end();
            }
            step(guest.threads.get(draw(2)), draw(1024));
            tally.stepsInsideDecisions++;
            if (watch != null) {
                watch.look();
            }
        }
    }

    private int draw(int bound) {
        entropy = entropy * 1664525 + 1013904223;
        return (entropy >>> 8) % bound;
    }

    private Member member(Guest guest) {
        return ledger.member(guest.process).orElseThrow();
    }

    private Limits limits(int everywhere, int onD1) {
        return new Limits(everywhere * history.unit(), Map.of(D1, onD1 * history.unit()));
    }
}
