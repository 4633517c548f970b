// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A JSON object, read leniently: an absent member and one of another type give the fallback, so that a newer daemon's
 * answer never breaks an older command line. Only verbs that show something load this.
 *
 * @param members values are String, Long, Double, Boolean, Json, List of these, or null; of what is written, Integer and
 *     BigInteger too
 */
public record Json(Map<String, @Nullable Object> members) {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final DefaultIndenter INDENTER = new DefaultIndenter("  ", "\n");
    private static final DefaultPrettyPrinter PRETTY = new DefaultPrettyPrinter(Separators.createDefaultInstance()
                    .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                    .withObjectEmptySeparator("")
                    .withArrayEmptySeparator(""))
            .withObjectIndenter(INDENTER)
            .withArrayIndenter(INDENTER);

    /**
     * Reads one.
     *
     * @throws IOException if the text is not one JSON object
     */
    public static Json parse(String text) throws IOException {
        try (JsonParser parser = FACTORY.createParser(text)) {
            if (parser.nextToken() == JsonToken.START_OBJECT && value(parser) instanceof Json json) {
                return json;
            }
            throw new IOException("not a JSON object: " + text);
        }
    }

    /** As text, whatever it is. */
    public String text(String name, String fallback) {
        Object value = members.get(name);
        return value == null ? fallback : value.toString();
    }

    /** A whole one. */
    public long number(String name, long fallback) {
        return members.get(name) instanceof Number number ? number.longValue() : fallback;
    }

    /** Whether it is {@code true}. */
    public boolean is(String name) {
        return Boolean.TRUE.equals(members.get(name));
    }

    /** Whether it is there and not null. */
    public boolean has(String name) {
        return members.get(name) != null;
    }

    /** Empty where there is none. */
    public Json object(String name) {
        return members.get(name) instanceof Json json ? json : new Json(Map.of());
    }

    /** Of an array, those items that are objects. */
    public List<Json> objects(String name) {
        return items(name, Json.class);
    }

    /** Of an array, those items that are texts. */
    public List<String> texts(String name) {
        return items(name, String.class);
    }

    /** On one line, for the wire. */
    public String compact() {
        return write(this, false);
    }

    /** Indented, for people and pipes; any value that a member may have. */
    public static String pretty(Object value) {
        return write(value, true);
    }

    private <T> List<T> items(String name, Class<T> type) {
        return members.get(name) instanceof List<?> list
                ? list.stream().filter(type::isInstance).map(type::cast).toList()
                : List.of();
    }

    private static @Nullable Object value(JsonParser parser) throws IOException {
        return switch (parser.currentToken()) {
            case START_OBJECT -> {
                Map<String, @Nullable Object> members = new LinkedHashMap<>();
                while (parser.nextToken() != JsonToken.END_OBJECT) {
                    String name = parser.currentName();
                    parser.nextToken();
                    members.put(name, value(parser));
                }
                yield new Json(members);
            }
            case START_ARRAY -> {
                List<@Nullable Object> items = new ArrayList<>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    items.add(value(parser));
                }
                yield items;
            }
            case VALUE_NUMBER_INT -> parser.getLongValue();
            case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            default -> parser.getText();
        };
    }

    private static String write(Object value, boolean indented) {
        StringWriter text = new StringWriter();
        try (JsonGenerator generator = FACTORY.createGenerator(text)) {
            if (indented) {
                // It counts its own depth: one for each text.
                generator.setPrettyPrinter(PRETTY.createInstance());
            }
            write(generator, value);
        } catch (IOException e) {
            throw new UncheckedIOException("a StringWriter does not fail", e);
        }
        return text.toString();
    }

    private static void write(JsonGenerator generator, @Nullable Object value) throws IOException {
        switch (value) {
            case null -> generator.writeNull();
            case Json(Map<String, @Nullable Object> members) -> {
                generator.writeStartObject();
                for (Map.Entry<String, @Nullable Object> member : members.entrySet()) {
                    generator.writeFieldName(member.getKey());
                    write(generator, member.getValue());
                }
                generator.writeEndObject();
            }
            case List<?> items -> {
                generator.writeStartArray();
                for (Object item : items) {
                    write(generator, item);
                }
                generator.writeEndArray();
            }
            case Long number -> generator.writeNumber(number);
            case Integer number -> generator.writeNumber(number);
            case Double number -> generator.writeNumber(number);
            case BigInteger number -> generator.writeNumber(number);
            case Boolean truth -> generator.writeBoolean(truth);
            default -> generator.writeString(value.toString());
        }
    }
}
