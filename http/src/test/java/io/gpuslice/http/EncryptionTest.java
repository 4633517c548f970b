// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gpuslice.config.Settings.Tls;
import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** HTTP over TLS, by a socket. */
@Timeout(60)
class EncryptionTest {

    private static final byte HANDSHAKE = 22;

    @TempDir
    static Path directory;

    private static Keys keys;
    private static Bound bound;

    @BeforeAll
    static void start() throws Exception {
        keys = Keys.make(directory, "EC");
        bound = new Bound(
                PrivateDirectory.uid(), Optional.of(Certificates.read(new Tls.Pem(keys.certificate(), keys.key()))));
    }

    @AfterAll
    static void stop() {
        bound.close();
    }

    private static HttpClient client(String... protocols) throws Exception {
        SSLParameters parameters = new SSLParameters();
        if (protocols.length > 0) {
            parameters.setProtocols(protocols);
        }
        return HttpClient.newBuilder()
                .sslContext(keys.trusting())
                .sslParameters(parameters)
                .build();
    }

    private static HttpResponse<String> send(HttpClient client, HttpRequest.Builder request) throws Exception {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
    void aRequestIsAnsweredAndTheNextOneToo(String protocol) throws Exception {
        assertThat(bound.url().getScheme()).isEqualTo("https");
        try (HttpClient client = client(protocol)) {
            for (int i = 0; i < 3; i++) {
                HttpResponse<String> answer = send(client, bound.request("/sessions"));
                assertThat(answer.statusCode()).isEqualTo(200);
                assertThat(answer.body()).contains("train");
                assertThat(answer.sslSession().orElseThrow().getProtocol()).isEqualTo(protocol);
            }
        }
    }

    @Test
    void aChangeNeedsTheTokenHereToo() throws Exception {
        HttpRequest.Builder change = bound.request("/sessions/train")
                .header("Content-Type", "application/json")
                .method("PATCH", HttpRequest.BodyPublishers.ofString("{\"limit\":\"8GB\"}"));
        try (HttpClient client = client()) {
            assertThat(send(client, change).statusCode()).isEqualTo(401);
            assertThat(send(client, change.header("Authorization", Bound.BEARER))
                            .statusCode())
                    .isEqualTo(200);
        }
    }

    @Test
    void aBodyThatIsTooLongIsRefusedHereToo() throws Exception {
        HttpRequest.Builder change = bound.request("/sessions/train")
                .header("Content-Type", "application/json")
                .header("Authorization", Bound.BEARER)
                .method("PATCH", HttpRequest.BodyPublishers.ofByteArray(new byte[Problem.MOST_BYTES + 1]));
        try (HttpClient client = client()) {
            assertThat(send(client, change).statusCode()).isEqualTo(413);
        }
    }

    @Test
    void whoDoesNotKnowTheCertificateIsNotTalkedInto() {
        assertThatExceptionOfType(SSLException.class).isThrownBy(() -> bound.send(bound.request("/health/live")));
    }

    @Test
    void whoSpeaksWithoutTlsIsToldSo() throws IOException {
        URI plain = URI.create("http://127.0.0.1:" + bound.url().getPort());

        Raw answer = Raw.exchange(plain, Raw.get("/sessions", "Host: localhost", "Authorization: " + Bound.BEARER));

        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().at("/detail").asText()).contains("use https:// in place of http://");
        assertThat(answer.body()).doesNotContain("train");
    }

    @Test
    void anOlderTlsIsRefused() throws IOException {
        try (Socket socket = socket()) {
            socket.getOutputStream().write(helloOfTls11());

            // The server's part of a handshake would come first, and be answered by us before it ends.
            byte[] answer = socket.getInputStream().readAllBytes();
            assertThat(answer).hasSizeLessThan(8).doesNotContain(HANDSHAKE);
        }
    }

    @Test
    void whoConnectsAndSaysNothingIsCutOff() throws IOException {
        try (Socket socket = socket()) {
            assertThat(endOf(socket)).isEqualTo(-1);
        }
    }

    @Test
    void whoNeverFinishesTheHandshakeIsCutOff() throws IOException {
        try (Socket socket = socket()) {
            socket.getOutputStream().write(Arrays.copyOf(helloOfTls11(), 20));

            assertThat(endOf(socket)).isEqualTo(-1);
        }
    }

    private static Socket socket() throws IOException {
        Socket socket =
                new Socket(InetAddress.ofLiteral("127.0.0.1"), bound.url().getPort());
        socket.setSoTimeout((int) Duration.ofSeconds(20).toMillis());
        return socket;
    }

    /** Reads to the end, which may come by force. */
    private static int endOf(Socket socket) throws IOException {
        try {
            while (socket.getInputStream().read() >= 0) {
                // An alert may come first.
            }
            return -1;
        } catch (SocketException reset) {
            return -1;
        }
    }

    /** A ClientHello with one suite, which every server of that time knew. */
    private static byte[] helloOfTls11() {
        ByteBuffer hello = ByteBuffer.allocate(5 + 4 + 41);
        hello.put(HANDSHAKE).putShort((short) 0x0302).putShort((short) 45);
        hello.put((byte) 1).put((byte) 0).putShort((short) 41);
        hello.putShort((short) 0x0302).put(new byte[32]).put((byte) 0);
        hello.putShort((short) 2).putShort((short) 0x002f).put((byte) 1).put((byte) 0);
        return hello.array();
    }
}
