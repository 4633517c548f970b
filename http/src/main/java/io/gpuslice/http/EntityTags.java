// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Versions of what is asked for, as HTTP's headers have them (RFC 9110, 8.8.3). */
final class EntityTags {
    private EntityTags() {}

    /** A tag, weak or not, and the comma before the next one. */
    private static final Pattern TAG = Pattern.compile("\\s*(W/)?\"([\\x21\\x23-\\x7e\\x80-\\xff]*)\"\\s*(?:,|$)");

    private static final String ANY = "*";

    /** As it stands in {@code ETag}. */
    static String quoted(String version) {
        return '"' + version + '"';
    }

    /**
     * The versions one of which is to be there still. Of a weak tag there is none: what is nearly the same is not.
     *
     * @param header {@code If-Match}
     * @return none: whichever there is
     * @throws Problem if it is no list of tags, which had better not be taken for no condition
     */
    static List<String> ifMatch(String header) throws Problem {
        if (header.strip().equals(ANY)) {
            return List.of();
        }
        List<String> versions = new ArrayList<>();
        Matcher tag = TAG.matcher(header);
        int end = 0;
        while (end < header.length() && tag.find(end) && tag.start() == end) {
            versions.add(tag.group(1) == null ? tag.group(2) : tag.group(1) + tag.group(2));
            end = tag.end();
        }
        if (end < header.length() || versions.isEmpty()) {
            throw Problem.badRequest(
                    "If-Match: " + header + " is no list of entity tags: take the ETag of the answer before, as it is");
        }
        return List.copyOf(versions);
    }

    /** Whether the client has this version already, so that it need not be sent. {@code header} is {@code If-None-Match}. */
    static boolean has(String header, String version) {
        if (header.strip().equals(ANY)) {
            return true;
        }
        Matcher tag = TAG.matcher(header);
        while (tag.find()) {
            if (tag.group(2).equals(version)) {
                return true;
            }
        }
        return false;
    }
}
