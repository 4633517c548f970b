// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.device.Devices.Device;
import io.gpuslice.actors.device.Devices.Known;
import io.gpuslice.actors.eventloop.LoopKit;
import io.gpuslice.config.LimitSpec;
import io.gpuslice.domain.DeviceId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pekko.actor.testkit.typed.javadsl.ManualTime;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DevicesTest {

    private static final Device FIRST = new Device(new DeviceId(new UUID(1, 1)), 0, "first", 1L << 34);
    private static final Device SECOND = new Device(new DeviceId(new UUID(2, 2)), 1, "second", 0);

    private final LoopKit test = new LoopKit(ManualTime.config());
    private final ManualTime time = ManualTime.get(test.kit().system());
    private final TestProbe<Known> probe = test.kit().createTestProbe();

    @AfterEach
    void end() {
        test.close();
    }

    @Test
    void configuredDevicesAreBelievedAndNvmlIsNotAsked() {
        LimitSpec.Device told = new LimitSpec.Device(3, FIRST.id().toString(), OptionalLong.of(FIRST.capacity()));

        Known known = ask(test.spawn(Devices.create(List.of(told))));

        assertThat(known.forLimits()).containsExactly(told);
        assertThat(known.problem()).isEmpty();
    }

    @Test
    void withoutADriverTheReasonIsSaid() {
        Known known = new Nvml().list();

        assertThat(known.devices()).isEmpty();
        assertThat(known.problem()).contains("libnvidia-ml.so.1").contains("no NVIDIA driver");
    }

    @Test
    void theListIsMadeOnceAndKept() {
        AtomicInteger lists = new AtomicInteger();
        ActorRef<Devices.Command> devices = test.spawn(Devices.from(() -> {
            lists.incrementAndGet();
            return new Known(List.of(FIRST, SECOND), "");
        }));

        ask(devices);
        time.timePasses(Duration.ofMinutes(1));

        assertThat(ask(devices, FIRST.id(), SECOND.id()).devices()).containsExactly(FIRST, SECOND);
        assertThat(lists).hasValue(1);
    }

    @Test
    void aDeviceThatCameUpLaterIsFoundWhenItIsNamed() {
        List<Device> present = new ArrayList<>(List.of(FIRST));
        ActorRef<Devices.Command> devices = test.spawn(Devices.from(() -> new Known(List.copyOf(present), "")));
        ask(devices);
        present.add(SECOND);
        time.timePasses(Duration.ofMinutes(1));

        assertThat(ask(devices, SECOND.id()).devices()).containsExactly(FIRST, SECOND);
    }

    @Test
    void whoInventsDevicesDoesNotKeepNvmlBusy() {
        AtomicInteger lists = new AtomicInteger();
        ActorRef<Devices.Command> devices = test.spawn(Devices.from(() -> {
            lists.incrementAndGet();
            return new Known(List.of(), "none");
        }));

        for (int i = 0; i < 100; i++) {
            ask(devices, new DeviceId(new UUID(i, i)));
        }

        assertThat(lists).hasValue(1);
    }

    @Test
    void whoAsksBeforeTheListIsThereIsAnsweredWhenItIs() {
        CountDownLatch asked = new CountDownLatch(1);
        ActorRef<Devices.Command> devices = test.spawn(Devices.from(() -> {
            await(asked);
            return new Known(List.of(FIRST), "");
        }));

        devices.tell(new Devices.Get(probe.ref()));
        devices.tell(new Devices.Get(probe.ref()));
        asked.countDown();

        assertThat(probe.receiveMessage().devices()).containsExactly(FIRST);
        assertThat(probe.receiveMessage().devices()).containsExactly(FIRST);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Known ask(ActorRef<Devices.Command> devices, DeviceId... wanted) {
        devices.tell(new Devices.Get(List.of(wanted), probe.ref()));
        return probe.receiveMessage();
    }
}
