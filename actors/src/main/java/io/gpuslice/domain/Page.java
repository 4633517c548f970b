// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/**
 * Port to one member's ledger page, mapped here and in the guest. Every access is sequentially consistent:
 * the protocol is wrong under anything weaker.
 *
 * <p>{@code charge} is never read back: the guest's mapping is writable, so the ledger alone says what it is.
 */
public interface Page {
    /** The top bit of a stored charge: ask for every allocation, whatever credit there is. */
    long GATED = 1L << 63;

    /**
     * Stores the charge word.
     *
     * @param device index into the member's devices
     * @param word bytes, 0 … 2^63−1, with or without {@link #GATED}
     */
    void storeCharge(int device, long word);

    /** The used word as the guest left it: an unsigned number of bytes that nobody vouches for. */
    long used(int device);
}
