// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/**
 * Names memory that processes share: what the driver calls a handle to it, or the file that stands for it.
 *
 * @param hex its bytes as lower-case hex digits, without the zeros at its end
 */
public record ShareKey(String hex) {
    private static final String ZERO = "00";

    /**
     * Of a field of fixed size.
     *
     * @param digits lower-case hex digits, two a byte
     */
    public static ShareKey of(String digits) {
        int end = digits.length();
        while (digits.startsWith(ZERO, end - ZERO.length())) {
            end -= ZERO.length();
        }
        return new ShareKey(digits.substring(0, end));
    }

    /** Whether it names nothing: such memory cannot be followed. */
    public boolean isNone() {
        return hex.isEmpty();
    }

    @Override
    public String toString() {
        return hex;
    }
}
