// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/**
 * Names a session for ever: random, never reused.
 *
 * @param text as it stands on every surface; today 16 characters of {@code [0-9a-f]}, never empty
 */
public record SessionId(String text) {
    /** @throws IllegalArgumentException if the text is empty */
    public SessionId {
        if (text.isEmpty()) {
            throw new IllegalArgumentException("A session id cannot be empty.");
        }
    }

    @Override
    public String toString() {
        return text;
    }
}
