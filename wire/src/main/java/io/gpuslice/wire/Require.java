// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.util.HashSet;
import java.util.List;
import java.util.UUID;

/** What a frame's components must be; each check throws IllegalArgumentException with the field and the numbers. */
final class Require {
    private Require() {}

    static void opened(String sessionId, String token, String warning) {
        Text.requireFits("session_id", sessionId, Abi.SESSION_ID_SIZE);
        Text.requireFits("token", token, Abi.TOKEN_SIZE);
        Text.requireFits("warning", warning, Abi.TEXT_SIZE);
    }

    static void allocation(long bytes) {
        if (bytes < 1 || bytes > Abi.MAX_BYTES) {
            throw new IllegalArgumentException(
                    "bytes is " + Long.toUnsignedString(bytes) + "; 1 to " + Abi.MAX_BYTES + " are possible");
        }
    }

    static void count(String field, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(
                    field + " is " + Long.toUnsignedString(value) + "; the most is " + Long.MAX_VALUE);
        }
    }

    static void device(int device) {
        if (device < 0 || device >= Abi.MAX_DEVICES) {
            throw new IllegalArgumentException("device is " + Integer.toUnsignedString(device) + "; 0 to "
                    + (Abi.MAX_DEVICES - 1) + " are possible");
        }
    }

    static int deviceCount(int count) {
        if (count < 1 || count > Abi.MAX_DEVICES) {
            throw new IllegalArgumentException("device_count is " + Integer.toUnsignedString(count) + "; 1 to "
                    + Abi.MAX_DEVICES + " are possible");
        }
        return count;
    }

    /** A device named twice would have its limit twice. */
    static void distinct(List<UUID> devices) {
        if (new HashSet<>(devices).size() != devices.size()) {
            throw new IllegalArgumentException("device_uuids names a device twice: " + devices);
        }
    }

    static void hex(String field, String text, int bytes) {
        if (text.length() != 2 * bytes || !text.chars().allMatch(Require::isHexDigit)) {
            throw new IllegalArgumentException(field + " is not " + 2 * bytes + " lower-case hex digits: " + text);
        }
    }

    private static boolean isHexDigit(int c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }

    static void json(String json) {
        int room = Abi.MAX_FRAME_SIZE - Abi.Frame.SIZEOF;
        // A char takes at most 3 bytes: only what could be too long has its bytes counted.
        if (json.length() > room / 3) {
            int bytes = Text.utf8(json).length;
            if (bytes > room) {
                throw new IllegalArgumentException("JSON of " + bytes + " bytes; at most " + room + " fit");
            }
        }
    }
}
