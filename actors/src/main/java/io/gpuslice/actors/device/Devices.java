// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.device;

import io.gpuslice.actors.DeviceUsers;
import io.gpuslice.config.LimitSpec;
import io.gpuslice.domain.DeviceId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * The devices of this machine. NVML is asked when they are first wanted, and again when somebody names one that was
 * not there: a card may come up after the daemon. Asking takes its time, so it happens away from the event loop.
 */
public final class Devices {

    public sealed interface Command {}

    /**
     * Asks for the devices.
     *
     * @param wanted look again if one of them is not known, unless that was done just now
     */
    public record Get(Collection<DeviceId> wanted, ActorRef<Known> replyTo) implements Command {
        public Get(ActorRef<Known> replyTo) {
            this(List.of(), replyTo);
        }
    }

    /**
     * What is known.
     *
     * @param devices in index order
     * @param problem why there are none, for people; empty where there are some
     */
    public record Known(List<Device> devices, String problem) {
        /** As limits are resolved against them. */
        public List<LimitSpec.Device> forLimits() {
            return devices.stream()
                    .map(device -> new LimitSpec.Device(
                            device.index(),
                            device.id().toString(),
                            device.capacity() == 0 ? OptionalLong.empty() : OptionalLong.of(device.capacity())))
                    .toList();
        }
    }

    /**
     * One device.
     *
     * @param index in nvidia-smi's (PCI) order
     * @param name for people
     * @param capacity bytes; 0: unknown
     */
    public record Device(DeviceId id, int index, String name, long capacity) {}

    /** Port: lists the devices. May block. */
    @FunctionalInterface
    public interface Source {
        /** What there is now; never fails, but says why it knows nothing. */
        Known list();
    }

    private record Listed(Known known) implements Command {}

    private record Stale() implements Command {}

    /** How long a list is good even for those who name a device that is not in it. */
    private static final Duration FRESH = Duration.ofSeconds(5);

    private final ActorContext<Command> context;
    private final TimerScheduler<Command> timers;
    private final Source source;
    private final Executor blocking;

    private Devices(ActorContext<Command> context, TimerScheduler<Command> timers, Source source, Executor blocking) {
        this.context = context;
        this.timers = timers;
        this.source = source;
        this.blocking = blocking;
    }

    /**
     * Lists them at once, so that they are known when the first session opens.
     *
     * @param configured what the settings say; empty: NVML is asked
     */
    public static Behavior<Command> create(List<LimitSpec.Device> configured) {
        return from(configured.isEmpty() ? new Nvml() : () -> told(configured));
    }

    /** Who uses any of them. NVML is asked, whatever the settings say of the devices; where there is none, nobody is known. */
    public static DeviceUsers users() {
        return new Nvml();
    }

    static Behavior<Command> from(Source source) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> new Devices(
                        context,
                        timers,
                        source,
                        context.getSystem().dispatchers().lookup(DispatcherSelector.blocking()))
                .looking(List.of())));
    }

    private static Known told(List<LimitSpec.Device> configured) {
        return new Known(
                configured.stream()
                        .map(device -> new Device(
                                DeviceId.valueOf(device.uuid()),
                                device.index(),
                                "configured",
                                device.capacity().orElse(0)))
                        .toList(),
                "");
    }

    /** Nobody is answered before the list is there. */
    private Behavior<Command> looking(List<Get> askers) {
        context.pipeToSelf(
                CompletableFuture.supplyAsync(source::list, blocking),
                (known, failure) -> new Listed(
                        failure == null ? known : new Known(List.of(), "devices cannot be listed: " + failure)));
        return waiting(askers);
    }

    private Behavior<Command> waiting(List<Get> askers) {
        return Behaviors.receiveMessage(command -> switch (command) {
            case Get get -> {
                List<Get> all = new ArrayList<>(askers);
                all.add(get);
                yield waiting(all);
            }
            case Listed(var known) -> {
                if (known.devices().isEmpty()) {
                    context.getLog().info("No devices: {}.", known.problem());
                }
                askers.forEach(get -> get.replyTo().tell(known));
                timers.startSingleTimer(new Stale(), FRESH);
                yield knowing(known, true);
            }
            case Stale() -> Behaviors.same();
        });
    }

    /** @param fresh just listed: a guest that invents devices cannot keep NVML busy */
    private Behavior<Command> knowing(Known known, boolean fresh) {
        return Behaviors.receiveMessage(command -> switch (command) {
            case Get get when !fresh && !knows(known, get.wanted()) -> looking(List.of(get));
            case Get get -> {
                get.replyTo().tell(known);
                yield Behaviors.same();
            }
            case Stale() -> knowing(known, false);
            case Listed _ -> Behaviors.unhandled();
        });
    }

    private static boolean knows(Known known, Collection<DeviceId> wanted) {
        return known.devices().stream().map(Device::id).toList().containsAll(wanted);
    }
}
