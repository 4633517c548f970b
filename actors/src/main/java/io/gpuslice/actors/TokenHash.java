// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HexFormat;
import java.util.random.RandomGenerator;

/**
 * What the daemon keeps of a session's token: enough to know it again, not enough to use it.
 *
 * @param hex SHA-256 of the token's text, 64 hex digits
 */
public record TokenHash(String hex) {

    private static final int TOKEN_BYTES = 32;

    /** The hash of a token. */
    public static TokenHash of(String token) {
        return new TokenHash(HexFormat.of().formatHex(digest(token)));
    }

    /** A new token: 256 bits as 64 hex digits. {@code random} must be a secure one outside tests. */
    static String freshToken(RandomGenerator random) {
        byte[] bits = new byte[TOKEN_BYTES];
        random.nextBytes(bits);
        return HexFormat.of().formatHex(bits);
    }

    /** Whether one of the hashes is the token's. Takes the same time whichever it is, and if it is none. */
    static boolean anyMatches(Collection<TokenHash> hashes, String token) {
        byte[] digest = digest(token);
        boolean found = false;
        for (TokenHash hash : hashes) {
            found |= MessageDigest.isEqual(HexFormat.of().parseHex(hash.hex), digest);
        }
        return found;
    }

    private static byte[] digest(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
