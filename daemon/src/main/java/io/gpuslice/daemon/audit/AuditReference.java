// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.audit;

import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.wire.ErrorCode;
import java.util.Arrays;
import java.util.stream.Collectors;

/** The reference page docs/audit.md, made of the catalogues so that they cannot disagree. */
final class AuditReference {
    private AuditReference() {}

    static String markdown() {
        StringBuilder page = new StringBuilder("""
                <!-- Made from the catalogues in modules actors and daemon; its test says how to write it anew. Do not edit. -->
                # The audit log

                Every decision of the daemon and every step of a session is a line in `audit.jsonl` in the state directory
                (`audit.file` names another place, `off` none; see [configuration](configuration.md)): one JSON object a line, in the
                order in which it happened, written when the journal has it.

                ```json
                {"time":"2026-03-01T12:00:00.000250Z","session_id":"5d0c6a1f9b3e7724","pid":4711,"uid":1000,"operation":"deny","device":"GPU-01234567-89ab-cdef-0123-456789abcdef","bytes":2147483648,"result":"denied","error_code":"QUOTA_EXCEEDED","detail":"…"}
                ```

                A program that allocates within the credit it was granted asks nobody, and so there is no line for it: `grant` says how
                much of the limit it was given, `collect` how much was taken back. In a session made with `--strict` every single
                allocation is a `grant` or a `deny`, and every free a `free`.

                A `grant` says that a process may have so much, before it has it. Whether it took it is not said: where the driver then
                failed, what was granted is credit, and no `free` follows. An allocation whose answer was lost is asked for again, and
                has two lines. A `free` comes after the driver has freed. Frees while the daemon was away are reported when it is back,
                up to 4,096 of each process, with the time at which they were reported. What a process could not report before its
                death is in its `reclaim`, which says what it still held.

                ## Fields

                A field that has nothing to say is absent. New ones may come; the order may change.

                | field | type | meaning |
                |---|---|---|
                """);
        for (AuditField field : AuditField.values()) {
            row(page, field, field.type() + " | " + field.meaning());
        }
        page.append("""
                | `count` | number | Lines that are missing; with `lost` only |

                ## Operations

                | operation | meaning |
                |---|---|
                """);
        for (Operation operation : Operation.values()) {
            row(page, operation, operation.meaning());
        }
        for (OwnOperation operation : OwnOperation.values()) {
            row(page, operation, operation.meaning());
        }
        return page.append("""

                ## Error codes

                %s.

                ## The file

                - It belongs to the daemon's user, with mode 0600; wider permissions are taken away when it is opened. A symbolic link, a
                  pipe or somebody else's file is refused, and the daemon does not start.
                - At `audit.max-size` (64 MiB) it becomes `audit.jsonl.1`, in place of an earlier one, and is begun anew.
                - It is written a moment later (some 10 ms), so that no allocation waits for it, and is not forced onto the disk: a daemon
                  that is killed loses what it said in that moment, a machine that crashes what its kernel had not written. A line that
                  was cut so is left as it is, and the next one begins a line of its own: `jq` below passes over it.
                - While the disk is full up to 65,536 lines wait, and are written as soon as there is room. Beyond that they are lost, and
                  counted: by a `lost` line once there is room, in `gpuslice_audit_lost_total`, and in the daemon's log, there each
                  minute while the disk is full.
                - Of those who are not let in (`login`) the first of each user is a line, and then one a second, whose detail has the
                  number of those left out. `gpuslice_refused_logins_total` counts them all.
                - On SIGHUP what waits is written to the file that is open, and then the file is opened by its name again.

                With logrotate, set `audit.max-size = 0` and:

                ```
                /var/lib/gpuslice/audit.jsonl {
                    daily
                    rotate 30
                    compress
                    delaycompress
                    missingok
                    nocreate
                    postrotate
                        systemctl kill --signal=HUP --kill-whom=main gpusliced
                    endscript
                }
                ```

                ## Reading it

                ```sh
                log=~/.local/state/gpuslice/audit.jsonl
                # Every refusal of one session
                jq -cR 'fromjson? | select(.session_id == "5d0c6a1f9b3e7724" and .result == "denied")' "$log"
                # What programs held when they died, by session
                jq -nR '[inputs | fromjson? | select(.operation == "reclaim")] | group_by(.session_id)
                        | map({session: .[0].session_id, bytes: map(.bytes // 0) | add})' "$log"
                # As it happens
                tail -F "$log" | jq -cR --unbuffered 'fromjson? | select(.operation == "deny")'
                ```

                ## The daemon's own log

                It goes to standard error: text on a terminal, elsewhere one JSON object a line (`log.format`). A daemon that
                `gpuslice run` has started appends it to `gpusliced.log` in its state directory. The same occurrences are in it, with the
                same fields (the detail is in the message): `grant`, `deny`, `collect` and `free` at level debug, the others at level
                info, and `unenforced` and what has `failed` at level warn. Beside them a JSON line has `level`, `threadName`, `loggerName`, `time`,
                `message` and `throwable`. No token is ever in it, nor in the audit log.

                At 16 MiB `gpusliced.log` is copied to `gpusliced.log.1`, in place of an earlier one, and emptied. Where you have the
                daemon write elsewhere (journald, a file of yours), bounding that is yours.

                Nothing waits for who reads it. Lines that find no room, because a terminal is held or a pipe is not read, are lost, and
                how many is said as soon as there is room, at the latest when the daemon stops.
                """.formatted(Arrays.stream(ErrorCode.values())
                        .map(code -> "`" + code + "`")
                        .collect(Collectors.joining(", "))))
                .toString();
    }

    private static void row(StringBuilder page, Object name, String cells) {
        page.append("| `").append(name).append("` | ").append(cells).append(" |\n");
    }
}
