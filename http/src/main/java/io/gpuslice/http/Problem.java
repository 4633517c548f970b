// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.wire.ErrorCode;
import java.util.List;

/** A refusal, as RFC 9457 wants it said. Its message is the detail: what happened, the numbers, what next. */
final class Problem extends Exception {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final ErrorCode code;

    private Problem(int status, ErrorCode code, String detail) {
        // No stack trace: it is an answer, not a defect.
        super(detail, null, false, false);
        this.status = status;
        this.code = code;
    }

    static Problem of(ErrorCode code, String detail) {
        return new Problem(statusOf(code), code, detail);
    }

    static Problem badRequest(String detail) {
        return of(ErrorCode.BAD_REQUEST, detail);
    }

    static Problem noSuchPath(String path, List<String> paths) {
        return new Problem(
                404, ErrorCode.BAD_REQUEST, "there is nothing at " + path + "; there are " + String.join(", ", paths));
    }

    static Problem methodNotAllowed(String method, String path) {
        return new Problem(405, ErrorCode.BAD_REQUEST, method + " is not possible at " + path);
    }

    static Problem busy(String detail) {
        return new Problem(409, ErrorCode.FORBIDDEN, detail);
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

    Answer answer() {
        return new Answer(
                status,
                Json.object()
                        .put("type", "about:blank")
                        .put("title", title(status))
                        .put("status", status)
                        .put("detail", getMessage())
                        .put("code", code.name()));
    }

    /** For type about:blank the status's own phrase. */
    private static String title(int status) {
        return switch (status) {
            case 400 -> "Bad Request";
            case 401 -> "Unauthorized";
            case 403 -> "Forbidden";
            case 404 -> "Not Found";
            case 405 -> "Method Not Allowed";
            case 409 -> "Conflict";
            case 410 -> "Gone";
            case 503 -> "Service Unavailable";
            default -> "Internal Server Error";
        };
    }
}
