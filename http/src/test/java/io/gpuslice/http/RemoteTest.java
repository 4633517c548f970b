// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.gpuslice.config.Settings.Tls;
import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.net.ConnectException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What other machines are answered. This one is another to itself where it comes by an address that is not a loopback's:
 * nothing of it goes over a wire, and the kernel tells the server that same address.
 */
class RemoteTest {

    private static final String NAME = "Host: gpubox.example";
    private static final String RIGHT = "Authorization: " + Bound.BEARER;
    private static final String WRONG = "Authorization: Bearer 0123456789abcdef-taken";
    private static final int PER_SECOND = 1;

    @TempDir
    private Path directory;

    private static InetAddress address() throws SocketException {
        Optional<InetAddress> own = NetworkInterface.networkInterfaces()
                .flatMap(NetworkInterface::inetAddresses)
                .filter(address -> address instanceof Inet4Address && !address.isLoopbackAddress())
                .findFirst();
        assumeThat(own).as("this machine has another address than a loopback's").isPresent();
        return own.get();
    }

    private static Bound bound(Optional<SSLContext> tls, int perSecond) throws IOException, InterruptedException {
        return new Bound(PrivateDirectory.uid(), tls, address(), perSecond);
    }

    /** Also to the daemon's own user, who would see everything from here. */
    @Test
    void withoutTheTokenNothingWithDataIsAnswered() throws Exception {
        try (Bound bound = bound(Optional.empty(), 0)) {
            for (Endpoint endpoint : Endpoint.values()) {
                boolean open = endpoint.audience() == Endpoint.Audience.EVERYBODY;
                for (String token : new String[] {"X-Token: none", WRONG}) {
                    Raw answer = asked(bound, endpoint, token);
                    assertThat(answer.status() == 401)
                            .as("%s, %s", endpoint, token)
                            .isNotEqualTo(open);
                    assertThat(answer.body()).as(endpoint.toString()).doesNotContain("\"train\"");
                }
                assertThat(asked(bound, endpoint, RIGHT).status())
                        .as(endpoint.toString())
                        .isNotIn(0, 401, 421);
            }
            assertThat(bound.occurrences).hasSizeGreaterThan(Endpoint.values().length);
        }
    }

    private static Raw asked(Bound bound, Endpoint endpoint, String header) throws IOException {
        return Raw.exchange(
                bound.url(),
                Raw.request(
                        endpoint.method(),
                        endpoint.path().replaceFirst("\\{\\w+}", "train"),
                        NAME,
                        header,
                        "Content-Length: 0"));
    }

    @Test
    void aBrowserIsShownThePageThatAsksForTheToken() throws Exception {
        try (Bound bound = bound(Optional.empty(), 0)) {
            assertThat(Raw.exchange(bound.url(), Raw.get("/", NAME, "Accept: text/html"))
                            .status())
                    .isEqualTo(200);
            assertThat(Raw.exchange(bound.url(), Raw.get("/", NAME)).status()).isEqualTo(401);
        }
    }

    @Test
    void atOneAddressNothingIsAnsweredAtOthers() throws Exception {
        try (Bound bound = bound(Optional.empty(), 0)) {
            URI loopback = URI.create("http://127.0.0.1:" + bound.url().getPort());

            assertThatExceptionOfType(ConnectException.class)
                    .isThrownBy(() -> Raw.exchange(loopback, Raw.get("/health/live", NAME)));
        }
    }

    @Test
    void withTlsTheTokenIsWantedAllTheSame() throws Exception {
        Keys keys = Keys.make(directory, "EC", address().getHostAddress());
        SSLContext own = Certificates.read(new Tls.Store(keys.store(), Optional.of(keys.password())));
        try (Bound bound = bound(Optional.of(own), 0);
                HttpClient client =
                        HttpClient.newBuilder().sslContext(keys.trusting()).build()) {
            for (String path : List.of("/sessions", "/events", "/metrics")) {
                HttpRequest.Builder request = bound.request(path);
                assertThat(status(client, request)).as(path).isEqualTo(401);
                assertThat(status(client, request.header("Authorization", Bound.BEARER)))
                        .as(path)
                        .isEqualTo(200);
            }
        }
    }

    private static int status(HttpClient client, HttpRequest.Builder request) throws IOException, InterruptedException {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString())
                .statusCode();
    }

    @Test
    void whoAsksTooOftenIsToldWhenToComeBack() throws Exception {
        try (Bound bound = bound(Optional.empty(), PER_SECOND)) {
            Description description = Description.of(Document.resource("openapi.yaml"));
            Raw answer = asked(bound, Endpoint.LIST, RIGHT);
            for (int i = 0; answer.status() != 429 && i < 1000; i++) {
                answer = asked(bound, Endpoint.LIST, RIGHT);
            }

            assertThat(answer.header("Retry-After")).isEqualTo("1");
            assertThat(answer.json().at("/requests_per_second").asInt()).isEqualTo(PER_SECOND);
            description.check(Endpoint.LIST, answer);
        }
    }
}
