// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.log;

import static ch.qos.logback.core.encoder.JsonEscapeUtil.jsonEscapeString;

import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import java.util.List;
import org.slf4j.event.KeyValuePair;

/**
 * Logback's JSON, but with the time as people read it, the message as {@code message}, and each key-value pair as a field
 * of its own, so that {@code select(.session_id == …)} works: logback puts them into an array of objects. Without what
 * Pekko says about the actor: the logger's name tells which.
 */
public final class FlatJsonEncoder extends JsonEncoder {
    /** Made by logback, from logback.xml. */
    public FlatJsonEncoder() {
        setWithSequenceNumber(false);
        setWithTimestamp(false);
        setWithNanoseconds(false);
        setWithContext(false);
        setWithMessage(false);
        setWithArguments(false);
        setWithMDC(false);
        setWithKVPList(false);
    }

    @Override
    protected void appendCustomFields(StringBuilder line, ILoggingEvent event) {
        append(line, "time", event.getInstant());
        append(line, "message", event.getFormattedMessage());
        List<KeyValuePair> pairs = event.getKeyValuePairs();
        if (pairs != null) {
            pairs.forEach(pair -> append(line, pair.key, pair.value));
        }
    }

    private static void append(StringBuilder line, String name, Object value) {
        line.append(",\"").append(jsonEscapeString(name)).append("\":");
        if (value instanceof Number number) {
            line.append(number.longValue());
        } else {
            line.append('"').append(jsonEscapeString(String.valueOf(value))).append('"');
        }
    }
}
