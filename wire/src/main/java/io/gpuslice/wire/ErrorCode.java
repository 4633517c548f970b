// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

/** Why something was refused: one list for C, Java, JSON and logs. Numbers are for ever. */
public enum ErrorCode {
    QUOTA_EXCEEDED(1, "the session's limit leaves less than what was asked"),
    SESSION_EXPIRED(2, "the session's TTL is over: new memory is refused"),
    SESSION_CLOSED(3, "the session has ended"),
    SESSION_UNKNOWN(4, "no session has that id"),
    UNAUTHENTICATED(5, "the token is missing or wrong"),
    FORBIDDEN(6, "the caller may not do this"),
    BAD_REQUEST(7, "the request makes no sense"),
    UNSUPPORTED_VERSION(8, "the peer speaks another major version"),
    OVERLOADED(9, "too many connections, sessions or requests in flight"),
    INTERNAL(10, "the daemon could not record or carry out the request");

    private static final ErrorCode[] BY_NUMBER = values();

    private final int number;
    private final String description;

    ErrorCode(int number, String description) {
        this.number = number;
        this.description = description;
    }

    /** As it stands in a frame. */
    public int number() {
        return number;
    }

    /** For people; a message about one case carries its own numbers besides. */
    public String description() {
        return description;
    }

    /**
     * The code with that number. A number that only a newer minor version knows is {@link #INTERNAL}: refused is
     * refused, and the frame's text still says why.
     */
    public static ErrorCode of(int number) {
        return number >= 1 && number <= BY_NUMBER.length ? BY_NUMBER[number - 1] : INTERNAL;
    }
}
