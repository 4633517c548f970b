// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import io.gpuslice.config.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;

/** What {@code Authorization: Bearer} must carry: the configured one, else one that is made once and kept. */
final class HttpToken {
    private static final String NAME = "http-token";
    private static final int RANDOM_BYTES = 24;

    private HttpToken() {}

    static String of(Settings settings) throws IOException {
        if (settings.http().token().isPresent()) {
            return settings.http().token().get();
        }
        Path file = settings.stateDirectory().resolve(NAME);
        String kept = kept(file);
        if (!kept.isEmpty()) {
            return kept;
        }
        byte[] random = new byte[RANDOM_BYTES];
        new SecureRandom().nextBytes(random);
        String token = HexFormat.of().formatHex(random);
        PrivateFile.write(file, token + "\n");
        return token;
    }

    /** Empty where there is none: what somebody else has written there is not taken for one. */
    private static String kept(Path file) throws IOException {
        try {
            String text = Files.readString(file).strip();
            return text.matches("[0-9a-f]{" + 2 * RANDOM_BYTES + "}") ? text : "";
        } catch (NoSuchFileException e) {
            return "";
        }
    }
}
