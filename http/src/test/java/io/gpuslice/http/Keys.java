// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * A key of this machine's, made for a test, with a certificate that vouches for itself.
 *
 * @param store the PKCS#12 file that both are in
 */
record Keys(Path store) {

    static final String PASSWORD = "over-the-wire";

    /** @param algorithm RSA or EC */
    static Keys make(Path directory, String algorithm) throws IOException, InterruptedException {
        return make(directory, algorithm, "127.0.0.1");
    }

    /** @param address that it is for besides localhost */
    static Keys make(Path directory, String algorithm, String address) throws IOException, InterruptedException {
        Path store = Files.createTempDirectory(directory, "keys").resolve("store.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin/keytool").toString(),
                        "-genkeypair",
                        "-keyalg",
                        algorithm,
                        "-alias",
                        "http",
                        "-dname",
                        "CN=localhost",
                        "-ext",
                        "san=dns:localhost,ip:" + address,
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        store.toString(),
                        "-storepass",
                        PASSWORD)
                .redirectErrorStream(true)
                .start();
        String says = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(keytool.waitFor()).as(says).isZero();
        return new Keys(store);
    }

    Path certificate() throws IOException, GeneralSecurityException {
        return pem("CERTIFICATE", open().getCertificate("http").getEncoded());
    }

    Path key() throws IOException, GeneralSecurityException {
        return pem("PRIVATE KEY", open().getKey("http", PASSWORD.toCharArray()).getEncoded());
    }

    Path password() throws IOException {
        return Files.writeString(store.resolveSibling("password"), PASSWORD + "\n");
    }

    /** Of a client that trusts nobody else. */
    SSLContext trusting() throws IOException, GeneralSecurityException {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("server", open().getCertificate("http"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private KeyStore open() throws IOException, GeneralSecurityException {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD.toCharArray());
        }
        return keys;
    }

    private Path pem(String what, byte[] der) throws IOException {
        return Files.writeString(
                store.resolveSibling(what.replace(' ', '-') + ".pem"),
                "-----BEGIN " + what + "-----\n"
                        + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der)
                        + "\n-----END " + what + "-----\n");
    }
}
