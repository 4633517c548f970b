// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.wire.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;

/** A refusal, as RFC 9457 wants it said. Its message is the detail: what happened, the numbers, what next. */
final class Problem extends Exception {
    private static final long serialVersionUID = 1L;

    /** Bytes of the largest body. */
    static final int MOST_BYTES = 1 << 20;

    static final int TOO_MANY_REQUESTS = 429;

    /** Where it is told what each means: a page for each error code. */
    static final String PAGES = "/problems/";

    private static final String VERSION = "version";

    private final int status;
    private final ErrorCode code;
    private final ObjectNode more;

    /** @param more what the detail says, for programs */
    private Problem(int status, ErrorCode code, String detail, ObjectNode more) {
        // No stack trace: it is an answer, not a defect.
        super(detail, null, false, false);
        this.status = status;
        this.code = code;
        this.more = more;
    }

    private Problem(int status, ErrorCode code, String detail) {
        this(status, code, detail, Json.object());
    }

    static Problem of(ErrorCode code, String detail) {
        return new Problem(statusOf(code), code, detail);
    }

    /** @param asked what the detail is about, as it was asked for */
    static Problem of(ErrorCode code, String detail, ObjectNode asked) {
        return new Problem(statusOf(code), code, detail, asked);
    }

    static Problem badRequest(String detail) {
        return of(ErrorCode.BAD_REQUEST, detail);
    }

    /** One that HTTP has a status of its own for. */
    static Problem badRequest(int status, String detail) {
        return new Problem(status, ErrorCode.BAD_REQUEST, detail);
    }

    static Problem noSuchPath(String path, List<String> paths) {
        return badRequest(404, "there is nothing at " + path + "; there are " + String.join(", ", paths));
    }

    /** @param allowed methods that are possible there */
    static Problem methodNotAllowed(String method, String path, List<String> allowed) {
        ObjectNode more = Json.object();
        allowed.forEach(more.putArray("allowed")::add);
        return new Problem(
                405,
                ErrorCode.BAD_REQUEST,
                method + " is not possible at " + path + ", only " + String.join(", ", allowed),
                more);
    }

    static Problem tooLong() {
        return new Problem(
                413,
                ErrorCode.BAD_REQUEST,
                "the body is longer than " + MOST_BYTES + " bytes, the most there may be",
                Json.object().put("limit_bytes", MOST_BYTES));
    }

    /** @param alive who is in the way */
    static Problem busy(String detail, List<ProcessId> alive) {
        ObjectNode more = Json.object();
        ArrayNode pids = more.putArray("pids");
        alive.forEach(process -> pids.add(process.pid()));
        return new Problem(409, ErrorCode.FORBIDDEN, detail, more);
    }

    /**
     * Somebody wanted to change what is no longer what they looked at.
     *
     * @param wanted versions that it was to have
     * @param version that it has
     */
    static Problem outdated(String id, List<String> wanted, String version) {
        return new Problem(
                412,
                ErrorCode.BAD_REQUEST,
                "session " + id + " has version " + version + ", and not " + String.join(" or ", wanted)
                        + ": it was changed meanwhile, so nothing is done. Look at it again, and then decide",
                Json.object().put(VERSION, version));
    }

    static Problem misdirected(String detail) {
        return new Problem(421, ErrorCode.FORBIDDEN, detail);
    }

    /** @param perSecond what is answered in the long run */
    static Problem tooOften(int perSecond) {
        return new Problem(
                TOO_MANY_REQUESTS,
                ErrorCode.OVERLOADED,
                "your machine asks more often than " + perSecond + " times a second, which http.requests-per-second"
                        + " allows it: wait a second",
                Json.object().put("requests_per_second", perSecond));
    }

    static Problem unavailable(String detail) {
        return new Problem(503, ErrorCode.INTERNAL, detail);
    }

    /** Nothing that whoever asked could know or mend: the reason is in the log. */
    static Problem internal() {
        return of(ErrorCode.INTERNAL, "the daemon could not answer; its log says why");
    }

    /** What went wrong, where it is something that can be said; a defect is not. */
    static Optional<Problem> in(Throwable failure) {
        return switch (failure) {
            case CompletionException wrapped when wrapped.getCause() != null -> in(wrapped.getCause());
            case Problem problem -> Optional.of(problem);
            case TimeoutException _ ->
                Optional.of(of(
                        ErrorCode.INTERNAL,
                        "nobody answered in time: the daemon is busy or its disk is slow; try again"));
            default -> Optional.empty();
        };
    }

    private static int statusOf(ErrorCode code) {
        return switch (code) {
            case BAD_REQUEST, UNSUPPORTED_VERSION -> 400;
            case UNAUTHENTICATED -> 401;
            case FORBIDDEN -> 403;
            case SESSION_UNKNOWN -> 404;
            case QUOTA_EXCEEDED, SESSION_EXPIRED -> 409;
            case SESSION_CLOSED -> 410;
            case INTERNAL -> 500;
            case OVERLOADED -> 503;
        };
    }

    ErrorCode code() {
        return code;
    }

    int status() {
        return status;
    }

    /** Methods that are possible where another was tried; else none. */
    List<String> allowed() {
        List<String> methods = new ArrayList<>();
        more.path("allowed").forEach(method -> methods.add(method.textValue()));
        return methods;
    }

    /** That what was to be changed has; else none. */
    Optional<String> version() {
        return Optional.ofNullable(more.path(VERSION).textValue());
    }

    Answer answer() {
        ObjectNode json = Json.object()
                .put("type", PAGES + slug(code))
                .put("title", code.description())
                .put("status", status)
                .put("detail", getMessage())
                .put("error_code", code.name());
        json.setAll(more);
        return new Answer(status, json);
    }

    /** The code as a part of an address. */
    static String slug(ErrorCode code) {
        return code.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
