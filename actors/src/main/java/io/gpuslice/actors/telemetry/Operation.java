// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.telemetry;

import io.gpuslice.wire.ErrorCode;
import java.util.Locale;

/** What an {@link Occurrence} is about. Its name in JSON, in logs and in docs/audit.md is the one in lower case. */
public enum Operation {
    /** A session was asked for. */
    OPEN("A session was opened, or refused"),
    /** A further token of a session was asked for, as `gpuslice exec` does. */
    TOKEN("A further token of a session was handed out, or refused"),
    /** A process became a member. */
    JOIN("A process became a member of a session, or was refused"),
    /** A request for memory was granted. */
    GRANT("A process's charge was raised by `bytes`; in a strict session: an allocation of `bytes` was let through;"
            + " `IMPORTED`: it counts for what it uses of a process that is gone"),
    /** An allocation was refused. */
    DENY("An allocation of `bytes` was refused"),
    /** A strict session's process has freed memory. */
    FREE("A process of a strict session has freed `bytes`; `IMPORTED`: any process has closed what it counted for so"),
    /** A process's credit was taken back. */
    COLLECT("`bytes` of a process's credit were taken back"),
    /** A process is gone, and its charge with it. */
    RECLAIM("A process is gone and its whole charge is back; it held `bytes`, where the daemon was there to see it"),
    /** The limit is another. */
    RESIZE("A session's limit was changed, or the change refused"),
    /** The deadline is another. */
    RENEW("A session's TTL was changed, or the change refused"),
    /** The TTL is over. */
    EXPIRE("A session's TTL is over"),
    /** A session's processes were told to end. */
    SIGNAL("A process of a session that is being removed was sent a signal"),
    /** A process was found that the limit does not reach. */
    UNENFORCED("A process of a session uses the driver past the limit"),
    /** A session has ended. */
    CLOSE("A session has ended, or its removal was refused"),
    /** Somebody was not let in. */
    LOGIN("Somebody was not let in");

    private final String meaning;

    Operation(String meaning) {
        this.meaning = meaning;
    }

    /** What its refusal with this code is: {@link #LOGIN} where it is about who was asking. */
    public Operation refused(ErrorCode code) {
        return isAboutWho(code) ? LOGIN : this;
    }

    /** Whether a refusal with this code is about who was asking, not what for. */
    public static boolean isAboutWho(ErrorCode code) {
        return code == ErrorCode.UNAUTHENTICATED || code == ErrorCode.FORBIDDEN;
    }

    /** A sentence for the reference page, without its full stop. */
    public String meaning() {
        return meaning;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
