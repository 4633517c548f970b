// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A daemon that answers HTTP, here or elsewhere.
 *
 * @param url without a slash at its end
 * @param token the operator's; empty: none is shown
 */
record Host(String url, String token) {
    static final String OPTION = "--host";
    static final String TOKEN_FILE_OPTION = "--token-file";

    private static final String TOKEN_VARIABLE = "GPUSLICE_TOKEN";
    private static final int USUAL_PORT = 8747;
    private static final String FORMS = "http://machine:" + USUAL_PORT + ", or https://machine:" + USUAL_PORT;

    /**
     * As typed.
     *
     * @param tokenFile stronger than the environment; it may be the daemon's own {@code .http.json}
     */
    static Host of(Context context, String typed, Optional<String> tokenFile) throws Failure {
        String token = tokenFile.isPresent()
                ? tokenIn(Path.of(tokenFile.get()))
                : context.variable(TOKEN_VARIABLE).orElse("");
        return new Host(url(typed), token);
    }

    private static String url(String typed) throws Failure {
        try {
            URI uri = new URI(typed);
            boolean web = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
            boolean bare = uri.getRawPath() == null || uri.getRawPath().matches("/?");
            if (web && bare && uri.getHost() != null && uri.getRawQuery() == null && uri.getRawUserInfo() == null) {
                int port = uri.getPort() < 0 ? USUAL_PORT : uri.getPort();
                return uri.getScheme() + "://" + uri.getHost() + ":" + port;
            }
        } catch (URISyntaxException e) {
            // Said below.
        }
        throw new Failure(
                Failure.Kind.USAGE, OPTION + " \"" + typed + "\" is not the URL of a daemon", "write " + FORMS);
    }

    private static String tokenIn(Path file) throws Failure {
        try {
            String text = Files.readString(file).strip();
            String token = text.startsWith("{") ? Json.parse(text).text("token", "") : text;
            if (!token.isEmpty() && token.lines().count() == 1) {
                return token;
            }
        } catch (IOException e) {
            throw new Failure(
                    "the token cannot be read from " + file + ": " + e.getMessage(),
                    "name a file with the token in it that you may read, or set " + TOKEN_VARIABLE);
        }
        throw new Failure(
                "there is no token in " + file,
                "it has the token on one line, or is the .http.json file beside the daemon's socket");
    }
}
