// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Text in a field of fixed size: UTF-8, closed by a NUL and padded with NULs. The closing NUL is required, so that C
 * may read the field as a string.
 */
public final class Text {
    private Text() {}

    /**
     * The longest beginning of {@code text} that fits a field of {@code fieldSize} bytes; what was cut is shown by an
     * ellipsis. NULs become blanks.
     */
    public static String fit(String text, int fieldSize) {
        String clean = text.replace('\0', ' ');
        if (utf8(clean).length < fieldSize) {
            return clean;
        }
        String ellipsis = "…";
        int room = fieldSize - 1 - utf8(ellipsis).length;
        int end = 0;
        for (int bytes = 0; ; ) {
            int codePoint = clean.codePointAt(end);
            bytes += utf8(Character.toString(codePoint)).length;
            if (bytes > room) {
                return clean.substring(0, end) + ellipsis;
            }
            end += Character.charCount(codePoint);
        }
    }

    /** Returns {@code text} when it fits; throws IllegalArgumentException naming the field and the sizes otherwise. */
    static String requireFits(String field, String text, int fieldSize) {
        int bytes = utf8(text).length;
        if (bytes >= fieldSize) {
            throw new IllegalArgumentException(
                    field + " has " + bytes + " bytes of UTF-8; at most " + (fieldSize - 1) + " fit");
        }
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(field + " contains a NUL");
        }
        return text;
    }

    static void put(ByteBuffer out, int at, String text, int fieldSize) {
        byte[] bytes = utf8(text);
        out.put(at, bytes);
        for (int i = bytes.length; i < fieldSize; i++) {
            out.put(at + i, (byte) 0);
        }
    }

    static String get(ByteBuffer in, int at, String field, int fieldSize) {
        int length = 0;
        while (length < fieldSize && in.get(at + length) != 0) {
            length++;
        }
        if (length == fieldSize) {
            throw new IllegalArgumentException(field + " is not closed by a NUL within its " + fieldSize + " bytes");
        }
        for (int i = length; i < fieldSize; i++) {
            if (in.get(at + i) != 0) {
                throw new IllegalArgumentException(field + " has bytes behind its closing NUL");
            }
        }
        return utf8(in.slice(at, length), field);
    }

    static String utf8(ByteBuffer bytes, String field) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException(field + " is not UTF-8", e);
        }
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
