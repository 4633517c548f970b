// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One request, whatever brought it.
 *
 * @param path as it came, for messages
 * @param segments of the path, decoded
 * @param query decoded
 * @param versions one of which what is changed must still have; none: whichever it has
 * @param body empty where there is none
 */
record Request(
        String method,
        String path,
        List<String> segments,
        Map<String, String> query,
        List<String> versions,
        ObjectNode body) {

    /**
     * Takes a path with its query apart.
     *
     * @param target such as {@code /sessions/abc?force=true}
     */
    static Request of(String method, String target, ObjectNode body) throws Problem {
        int question = target.indexOf('?');
        String path = question < 0 ? target : target.substring(0, question);
        if (!path.startsWith("/")) {
            throw Problem.badRequest("the path must begin with /, not as in \"" + path + "\"");
        }
        List<String> segments = new ArrayList<>();
        for (String segment : path.substring(1).split("/", -1)) {
            // Only in a query is a plus a blank.
            segments.add(decoded(segment.replace("+", "%2B")));
        }
        Map<String, String> query = new LinkedHashMap<>();
        if (question >= 0) {
            for (String pair : target.substring(question + 1).split("&", -1)) {
                int equals = pair.indexOf('=');
                String name = decoded(equals < 0 ? pair : pair.substring(0, equals));
                if (query.put(name, equals < 0 ? "" : decoded(pair.substring(equals + 1))) != null) {
                    throw Problem.badRequest("the query has \"" + name + "\" twice: say it once");
                }
            }
        }
        return new Request(method, path, segments, query, List.of(), body);
    }

    Request with(ObjectNode otherBody) {
        return new Request(method, path, segments, query, versions, otherBody);
    }

    Request ifOneOf(List<String> otherVersions) {
        return new Request(method, path, segments, query, otherVersions, body);
    }

    /** The path's variable segment. */
    String id() {
        return segments.get(1);
    }

    /**
     * Refuses what this request does not take, instead of doing something else than was meant.
     *
     * @param parameters names that may be in the query
     * @param members names that may be in the body
     * @return the body's
     */
    Fields takes(List<String> parameters, List<String> members) throws Problem {
        for (String name : query.keySet()) {
            if (!parameters.contains(name)) {
                throw Problem.badRequest("the query's \"" + name + "\" is unknown at " + path);
            }
        }
        return new Fields(body, members);
    }

    /** A switch of the query; absent is false. */
    boolean flag(String name) throws Problem {
        return switch (query.getOrDefault(name, "false")) {
            case "true" -> true;
            case "false" -> false;
            default -> throw Problem.badRequest(name + " must be true or false, not \"" + query.get(name) + "\"");
        };
    }

    private static String decoded(String text) throws Problem {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw Problem.badRequest("\"" + text + "\" is not percent-encoded: " + e.getMessage());
        }
    }
}
