// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.eventloop.LoopKit;
import io.gpuslice.linux.Pidfd;
import io.gpuslice.linux.Procfs;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DeathWatchTest {

    private static final int SELF = (int) ProcessHandle.current().pid();

    private final LoopKit test = new LoopKit();

    @AfterEach
    void end() {
        test.close();
    }

    @Test
    void aWatchTakenBackBeforeTheLoopHasItLeavesNoDescriptor() throws Exception {
        IoEventLoop loop = test.loop().io();
        loop.submit(() -> {}).sync();
        int before = descriptors();
        AtomicInteger told = new AtomicInteger();
        DeathWatch watch = new DeathWatch(loop, Pidfd.open(SELF), told::incrementAndGet, _ -> told.incrementAndGet());
        assertThat(descriptors()).isEqualTo(before + 1);

        loop.submit(() -> {
                    watch.close();
                    watch.start();
                })
                .sync();

        await().until(() -> descriptors() == before);
        assertThat(told).hasValue(0);
    }

    private static int descriptors() throws IOException {
        return Procfs.fds(SELF).size();
    }
}
