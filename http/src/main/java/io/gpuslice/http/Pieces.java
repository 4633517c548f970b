// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.util.ByteString;

/**
 * Pekko's parser calls itself for each request that is whole in what it is given, and one read of a socket holds more of
 * them than a stack does. So it is given a few at a time. Each ends its headers with an empty line, and by nothing else
 * is cut: the parser begins again with every piece at what it has not got whole, which may be long.
 */
final class Pieces {

    /** Empty lines in a piece. */
    static final int MOST = 16;

    private Pieces() {}

    /** All of it, in order; parts of one array, which the parser joins again without copying. */
    static List<ByteString> of(ByteString read) {
        List<ByteString> pieces = new ArrayList<>();
        ByteBuffer bytes = read.asByteBuffer();
        int from = 0;
        int ended = 0;
        boolean empty = false;
        for (int at = 0; at < bytes.limit(); at++) {
            byte next = bytes.get(at);
            if (next == '\n' && empty && ++ended == MOST) {
                pieces.add(read.slice(from, at + 1));
                from = at + 1;
                ended = 0;
            }
            empty = next == '\n' || (next == '\r' && empty);
        }
        if (from < bytes.limit()) {
            pieces.add(read.slice(from, bytes.limit()));
        }
        return pieces;
    }
}
