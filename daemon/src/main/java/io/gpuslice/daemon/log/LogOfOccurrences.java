// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.log;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.daemon.audit.AuditField;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.slf4j.spi.LoggingEventBuilder;

/** A line of the log for each occurrence, with the fields of the audit log as key-value pairs. */
public final class LogOfOccurrences implements Telemetry {
    private static final Logger LOG = LoggerFactory.getLogger("io.gpuslice.sessions");

    @Override
    public void happened(Occurrence occurrence) {
        Level level = level(occurrence);
        if (!LOG.isEnabledForLevel(level)) {
            return;
        }
        LoggingEventBuilder line = LOG.atLevel(level);
        AuditField.each(occurrence, (field, value) -> {
            // The log has its own time; the detail is in the message.
            if (field != AuditField.TIME && field != AuditField.DETAIL) {
                var _ = line.addKeyValue(field.toString(), value);
            }
        });
        line.log(occurrence.detail().isEmpty() ? "{}" : "{}: {}", occurrence.operation(), occurrence.detail());
    }

    @Override
    public void took(Timing what, long nanos) {
        // The metrics' business.
    }

    /** What a program can make happen as often as it likes is not for everybody's eyes. */
    private static Level level(Occurrence occurrence) {
        if (occurrence.result() == Result.FAILED) {
            return Level.WARN;
        }
        return switch (occurrence.operation()) {
            case GRANT, DENY, FREE, COLLECT -> Level.DEBUG;
            case OPEN, TOKEN, JOIN, RECLAIM, RESIZE, RENEW, EXPIRE, SIGNAL, CLOSE, LOGIN -> Level.INFO;
            case UNENFORCED -> Level.WARN;
        };
    }
}
