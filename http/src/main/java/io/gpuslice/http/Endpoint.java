// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.util.Arrays;
import java.util.List;

/** Everything that can be asked for. What acts on sessions and devices comes by HTTP and by CALL, the rest by HTTP alone. */
enum Endpoint {
    /** Where a page is liked better than JSON it is {@link #DASHBOARD}'s. */
    INDEX("GET", "/", Audience.THIS_MACHINE, Format.JSON, Format.HTML),
    INFO("GET", "/info", Audience.OWNERS),
    DEVICES("GET", "/devices", Audience.OWNERS),
    LIST("GET", "/sessions", Audience.OWNERS),
    OPEN("POST", "/sessions", Audience.OPERATOR),
    INSPECT("GET", "/sessions/{id}", Audience.OWNERS),
    UPDATE("PATCH", "/sessions/{id}", Audience.OPERATOR),
    REMOVE("DELETE", "/sessions/{id}", Audience.OPERATOR),
    ALLOCATIONS("GET", "/sessions/{id}/allocations", Audience.OWNERS),
    SESSION_HISTORY("GET", "/sessions/{id}/history", Audience.OWNERS),
    HISTORY("GET", "/history", Audience.OWNERS),
    EVENTS("GET", "/events", Audience.OWNERS, Format.JSON, Format.EVENT_STREAM),
    SESSION_EVENTS("GET", "/sessions/{id}/events", Audience.OWNERS, Format.JSON, Format.EVENT_STREAM),
    METRICS("GET", "/metrics", Audience.THIS_MACHINE, Format.METRICS),
    LIVE("GET", "/health/live", Audience.EVERYBODY),
    READY("GET", "/health/ready", Audience.EVERYBODY),
    OPENAPI("GET", "/openapi.yaml", Audience.EVERYBODY, Format.YAML),
    PROBLEMS("GET", "/problems", Audience.EVERYBODY, Format.MARKDOWN, Format.HTML),
    PROBLEM("GET", "/problems/{code}", Audience.EVERYBODY, Format.MARKDOWN, Format.HTML),
    DASHBOARD("GET", "/dashboard/{file}", Audience.EVERYBODY, Format.FILE);

    /** Who may ask over HTTP. The operator, who shows the token, may always. */
    enum Audience {
        /** Whoever can connect. */
        EVERYBODY,
        /** Whoever connects from this machine. */
        THIS_MACHINE,
        /** From this machine, the daemon's own user, root, and who owns a session. */
        OWNERS,
        /** Nobody else. */
        OPERATOR
    }

    private final String method;
    private final String path;
    private final Audience audience;

    /** Of a kind that nobody can change. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final List<Format> formats;

    /** @param formats none: JSON */
    Endpoint(String method, String path, Audience audience, Format... formats) {
        this.method = method;
        this.path = path;
        this.audience = audience;
        this.formats = formats.length == 0 ? List.of(Format.JSON) : List.of(formats);
    }

    String method() {
        return method;
    }

    /** A segment in braces stands for any. */
    String path() {
        return path;
    }

    Audience audience() {
        return audience;
    }

    /** What it can answer in, the usual first. */
    List<Format> formats() {
        return formats;
    }

    @Override
    public String toString() {
        return method + " " + path;
    }

    /** What the request is for. */
    static Endpoint of(Request request) throws Problem {
        List<Endpoint> there = at(request);
        return there.stream()
                .filter(endpoint -> endpoint.method.equals(request.method()))
                .findFirst()
                .orElseThrow(() -> Problem.methodNotAllowed(request.method(), request.path(), methods(there)));
    }

    /** What the request's path has, whatever its method. */
    static List<Endpoint> at(Request request) throws Problem {
        List<Endpoint> there = Arrays.stream(values())
                .filter(endpoint -> matches(endpoint.path, request.segments()))
                .toList();
        if (there.isEmpty()) {
            throw Problem.noSuchPath(request.path(), paths());
        }
        return there;
    }

    private static boolean matches(String path, List<String> segments) {
        String[] wanted = path.substring(1).split("/", -1);
        if (wanted.length != segments.size()) {
            return false;
        }
        for (int i = 0; i < wanted.length; i++) {
            String segment = segments.get(i);
            if (wanted[i].startsWith("{") ? segment.isEmpty() : !wanted[i].equals(segment)) {
                return false;
            }
        }
        return true;
    }

    private static List<String> methods(List<Endpoint> there) {
        return there.stream().map(Endpoint::method).toList();
    }

    static List<String> paths() {
        return Arrays.stream(values()).map(Endpoint::path).distinct().toList();
    }
}
