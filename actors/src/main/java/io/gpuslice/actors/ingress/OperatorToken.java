// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Optional;

/** What the operator shows to be known as such. Only its hash is kept, and it is compared in constant time. */
public final class OperatorToken {

    private final Optional<byte[]> hash;

    private OperatorToken(Optional<byte[]> hash) {
        this.hash = hash;
    }

    /**
     * Keeps the token's hash.
     *
     * @param token none: the daemon has no operator, and the uid alone decides
     */
    public static OperatorToken of(Optional<String> token) {
        return new OperatorToken(token.map(OperatorToken::sha256));
    }

    /** Whether there is one to be shown. */
    public boolean isSet() {
        return hash.isPresent();
    }

    /** Whether this is it; never where the daemon has none. */
    public boolean matches(String shown) {
        return hash.isPresent() && MessageDigest.isEqual(hash.get(), sha256(shown));
    }

    private static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }
}
