// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CrowdTest {
    private static final InetSocketAddress HERE = new InetSocketAddress(InetAddress.ofLiteral("192.0.2.1"), 8747);

    private static final Crowd.Size SIZE = new Crowd.Size(4, 3, 10);

    private final Crowd crowd = new Crowd(SIZE);
    private int port = 1024;

    private Visitor from(String address) {
        return new Visitor(new InetSocketAddress(InetAddress.ofLiteral(address), port++), HERE, Runnable::run);
    }

    private boolean enters(Visitor visitor) {
        return crowd.enter(visitor).toCompletableFuture().join();
    }

    private List<Visitor> thatEnter(String address, int tries) {
        List<Visitor> entered = new ArrayList<>();
        for (int i = 0; i < tries; i++) {
            Visitor visitor = from(address);
            if (enters(visitor)) {
                entered.add(visitor);
            }
        }
        return entered;
    }

    @Test
    void oneMachineDoesNotKeepTheOthersOut() {
        assertThat(thatEnter("192.0.2.66", 20)).hasSize(SIZE.mostOfOne());
        assertThat(enters(from("192.0.2.66"))).isFalse();
        assertThat(enters(from("192.0.2.7"))).isTrue();
    }

    @Test
    void whoLeavesMakesRoom() {
        List<Visitor> inside = thatEnter("192.0.2.66", 20);
        crowd.leave(inside.removeLast());
        Visitor next = from("192.0.2.66");
        assertThat(enters(next)).isTrue();
        assertThat(enters(from("192.0.2.66"))).isFalse();
        inside.forEach(crowd::leave);
        crowd.leave(next);
        assertThat(thatEnter("192.0.2.66", 20)).hasSize(SIZE.mostOfOne());
    }

    @Test
    void moreThanThereMayBeAreNobodys() {
        List<Visitor> inside = thatEnter("192.0.2.66", 20);
        inside.addAll(thatEnter("192.0.2.7", 20));
        assertThat(inside).hasSize(SIZE.most());
        assertThat(enters(from("192.0.2.8"))).isFalse();
        crowd.leave(inside.getFirst());
        assertThat(enters(from("192.0.2.8"))).isTrue();
    }
}
