// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import java.util.List;
import java.util.Random;

/** HTTP requests from a seed: each part is right, wrong or noise. The last one on its connection. */
final class RandomRequests {

    private final Random random;
    private final String session;
    private final String token;

    /** @param token the operator's: what is changed is changed in earnest */
    RandomRequests(Random random, String session, String token) {
        this.random = random;
        this.session = session;
        this.token = token;
    }

    /** Bytes as Latin-1. */
    String next() {
        String request =
                method() + " " + target() + " " + oneOf("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9", "")
                        + "\r\n" + "Connection: close\r\n" + headers() + body();
        return random.nextInt(5) == 0 ? changed(request) : request;
    }

    private String method() {
        return oneOf("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "get", noise(10));
    }

    private String target() {
        String path = oneOf(
                "/",
                "/sessions",
                "/sessions/" + session,
                "/sessions/" + session + "/allocations",
                "/sessions/" + noise(40),
                "/sessions/%2e%2e/%00" + noise(5),
                "/devices",
                "/info",
                "/metrics",
                "/health/ready",
                "//" + noise(30),
                "http://elsewhere" + noise(10),
                "/" + "a/".repeat(random.nextInt(5000)),
                "*");
        return random.nextInt(3) == 0
                ? path + "?" + oneOf("after=", "force=true&force=", "%", "=&=") + noise(20)
                : path;
    }

    private String headers() {
        StringBuilder headers = new StringBuilder();
        headers.append(oneOf("Host: localhost\r\n", "Host: localhost\r\n", "Host: " + noise(20) + "\r\n", ""));
        headers.append(oneOf(
                "Authorization: Bearer " + token + "\r\n",
                "Authorization: Bearer " + token + "\r\n",
                "Authorization: Bearer " + noise(60) + "\r\n",
                "Authorization: " + noise(20) + "\r\n",
                ""));
        headers.append(oneOf("Content-Type: application/json\r\n", "Content-Type: " + noise(20) + "\r\n", ""));
        for (int more = random.nextInt(4); more > 0; more--) {
            headers.append(oneOf(
                            "Accept: " + noise(20),
                            "Range: bytes=9-",
                            "Expect: 100-continue",
                            "Upgrade: h2c",
                            noise(60)))
                    .append("\r\n");
        }
        return headers.toString();
    }

    private String body() {
        String body = oneOf(
                "{\"limit\":\"" + oneOf("8GB", "50%", "-1", "0=1GB,1=x", "9".repeat(random.nextInt(3000))) + "\"}",
                "{\"limit\":\"1GB\",\"ttl\":\"" + oneOf("1s", "none", "99999999999d", noise(9)) + "\",\"name\":\""
                        + noise(30) + "\"}",
                "{\"limit\":" + oneOf("1e999", "null", "true", "{}", "[[]]", "-0.0") + "}",
                "[".repeat(random.nextInt(20_000)),
                noise(500),
                "");
        return switch (random.nextInt(5)) {
            case 0 -> "Content-Length: " + oneOf("-1", "x", "99999999999999999999", "7") + "\r\n\r\n" + body;
            case 1 ->
                "Transfer-Encoding: chunked\r\n\r\n" + Integer.toHexString(body.length()) + "\r\n" + body
                        + oneOf("\r\n0\r\n\r\n", "", "\r\nzz\r\n");
            case 2 -> "\r\n";
            default -> "Content-Length: " + body.length() + "\r\n\r\n" + body;
        };
    }

    private String changed(String request) {
        StringBuilder changed = new StringBuilder(request);
        for (int changes = 1 + random.nextInt(5); changes > 0; changes--) {
            changed.setCharAt(random.nextInt(changed.length()), (char) random.nextInt(256));
        }
        return random.nextInt(3) == 0 ? changed.substring(0, random.nextInt(changed.length())) : changed.toString();
    }

    private String noise(int most) {
        StringBuilder noise = new StringBuilder();
        for (int left = random.nextInt(most); left > 0; left--) {
            noise.append((char) (random.nextInt(4) == 0 ? random.nextInt(256) : 33 + random.nextInt(94)));
        }
        return noise.toString();
    }

    private String oneOf(String... choices) {
        return List.of(choices).get(random.nextInt(choices.length));
    }
}
