// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/** Where a session is in its life. Wire numbers are module {@code wire}'s. */
public enum SessionState {
    /** Memory is granted within the limit. */
    ACTIVE,
    /** Its TTL is over: new memory is refused, what is held stays counted. A renewal makes it {@link #ACTIVE}. */
    EXPIRED,
    /** Ended for good: new memory is refused; charges count until the processes are gone. */
    CLOSED
}
