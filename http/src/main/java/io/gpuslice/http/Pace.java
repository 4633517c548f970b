// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * How often another machine may ask, so that one alone does not keep busy the few threads that answer. Each has a bucket
 * of requests that fills as time goes by. Thread-safe.
 */
final class Pace {

    /** Machines that are remembered; the others have a full bucket. */
    static final int MOST = 4096;

    /** What fits a bucket, in seconds of its filling: a page that asks for many things at once is no flood. */
    static final int SAVED_SECONDS = 4;

    /** A provider gives a customer that many addresses that begin with the same bytes. */
    private static final int SIX_PREFIX_BYTES = 8;

    private static final double NANOS = 1e9;

    private record Bucket(double requests, long at) {}

    private volatile int perSecond;
    private final LongSupplier nanoTime;
    private final Map<String, Bucket> buckets = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Bucket> eldest) {
            return size() > MOST;
        }
    };

    /** @param perSecond 0: as often as they like */
    Pace(int perSecond, LongSupplier nanoTime) {
        this.perSecond = perSecond;
        this.nanoTime = nanoTime;
    }

    /** From now on; 0: as often as they like. */
    void perSecond(int requests) {
        perSecond = requests;
    }

    /**
     * Takes a request from the visitor's bucket.
     *
     * @throws Problem if there is none
     */
    void check(Visitor visitor) throws Problem {
        int most = perSecond;
        if (most > 0 && !visitor.isLocal() && !takes(machine(visitor.address()), most)) {
            throw Problem.tooOften(most);
        }
    }

    private synchronized boolean takes(String machine, int perSecond) {
        long now = nanoTime.getAsLong();
        double most = (double) perSecond * SAVED_SECONDS;
        // Removed first: it is among the youngest again.
        Bucket last = buckets.remove(machine);
        double there = last == null ? most : Math.min(most, last.requests() + (now - last.at()) / NANOS * perSecond);
        boolean enough = there >= 1;
        buckets.put(machine, new Bucket(enough ? there - 1 : there, now));
        return enough;
    }

    private static String machine(InetAddress address) {
        byte[] bytes = address.getAddress();
        return HexFormat.of()
                .formatHex(address instanceof Inet6Address ? Arrays.copyOf(bytes, SIX_PREFIX_BYTES) : bytes);
    }
}
