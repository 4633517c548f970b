// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.audit;

import io.gpuslice.actors.telemetry.Occurrence;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BiConsumer;

/** What is said of an occurrence, in this order. Its name in JSON is the one in lower case. */
public enum AuditField {
    TIME("text", "When: RFC 3339 in UTC, to the microsecond"),
    SESSION_ID("text", "The session's id"),
    PID("number", "Of the process that it is about, or that asked"),
    UID("number", "Of that process, by the kernel's word"),
    OPERATION("text", "What it is about: see below"),
    DEVICE("text", "The device's UUID"),
    BYTES("number", "How much memory it is about"),
    RESULT(
            "text",
            "`ok`; `denied`: by the rules it was not to be; `failed`: it should have been done and could not be, and "
                    + "nothing has changed"),
    ERROR_CODE("text", "Why not, where `result` is not `ok`"),
    DETAIL("text", "More, in words and numbers for people; nothing to be parsed");

    private static final DateTimeFormatter RFC_3339 = DateTimeFormatter.ofPattern(
                    "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);

    private final String type;
    private final String meaning;

    AuditField(String type, String meaning) {
        this.type = type;
        this.meaning = meaning;
    }

    /** Tells every field that the occurrence has: its name and a number or something whose text it is. */
    public static void each(Occurrence occurrence, BiConsumer<AuditField, Object> reader) {
        for (AuditField field : values()) {
            Optional<?> value = field.of(occurrence);
            if (value.isPresent()) {
                reader.accept(field, value.get());
            }
        }
    }

    private Optional<?> of(Occurrence occurrence) {
        return switch (this) {
            case TIME -> Optional.of(written(occurrence.at()));
            case SESSION_ID -> occurrence.session();
            case PID -> unless(0, occurrence.pid());
            case UID -> unless(-1, occurrence.uid());
            case OPERATION -> Optional.of(occurrence.operation());
            case DEVICE -> occurrence.device();
            case BYTES -> unless(0, occurrence.bytes());
            case RESULT -> Optional.of(occurrence.result());
            case ERROR_CODE -> occurrence.error();
            case DETAIL -> words(occurrence.detail());
        };
    }

    /** As it stands in JSON. */
    String type() {
        return type;
    }

    /** A sentence for the reference page, without its full stop. */
    String meaning() {
        return meaning;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    static String written(Instant time) {
        return RFC_3339.format(time);
    }

    private static Optional<?> unless(long nothing, long number) {
        return number == nothing ? Optional.empty() : Optional.of(number);
    }

    private static Optional<?> words(String text) {
        return text.isEmpty() ? Optional.empty() : Optional.of(text);
    }
}
