// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.Settings.Tls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What cannot be used for TLS is a reason not to start, with the setting, the file and what to do. */
class CertificatesTest {

    @TempDir
    static Path directory;

    private static Keys keys;
    private static Keys others;

    @BeforeAll
    static void make() throws Exception {
        keys = Keys.make(directory, "EC");
        others = Keys.make(directory, "EC");
    }

    private static void refused(Tls tls, String... because) {
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> Certificates.read(tls))
                .withMessageContainingAll(because);
    }

    @ParameterizedTest
    @ValueSource(strings = {"EC", "RSA", "Ed25519"})
    void aKeyAndItsCertificateAreReadFromEitherKindOfFile(String algorithm) throws Exception {
        Keys made = Keys.make(directory, algorithm);

        assertThat(Certificates.read(new Tls.Pem(made.certificate(), made.key())))
                .isNotNull();
        assertThat(Certificates.read(new Tls.Store(made.store(), Optional.of(made.password()))))
                .isNotNull();
    }

    @Test
    void aKeyOfAnotherCertificateIsRefused() throws Exception {
        refused(
                new Tls.Pem(keys.certificate(), others.key()),
                "http.tls-key " + others.key(),
                "is not the key of http.tls-certificate " + keys.certificate());
        refused(
                new Tls.Pem(keys.certificate(), Keys.make(directory, "RSA").key()),
                "is damaged, or not the key of http.tls-certificate, which is EC");
    }

    @Test
    void aFileThatIsNotThereIsNamed() throws Exception {
        Path missing = directory.resolve("missing.pem");

        refused(new Tls.Pem(missing, keys.key()), "http.tls-certificate " + missing, "there is no such file");
        refused(new Tls.Pem(keys.certificate(), missing), "http.tls-key " + missing, "there is no such file");
        refused(new Tls.Store(missing, Optional.empty()), "http.tls-store " + missing, "there is no such file");
    }

    @Test
    void aFileThatIsSomethingElseIsNamed() throws Exception {
        Path text = Files.writeString(directory.resolve("text"), "no key, no certificate");

        refused(new Tls.Pem(text, keys.key()), "has no certificate", "BEGIN CERTIFICATE");
        refused(new Tls.Pem(keys.certificate(), text), "has no key", "BEGIN PRIVATE KEY");
        refused(new Tls.Store(text, Optional.empty()), "http.tls-store " + text, "is no PKCS#12 file");
    }

    @Test
    void aKeyInAnotherFormIsRefusedWithTheCommandThatMakesOneOfIt() throws IOException {
        Path old = Files.writeString(
                directory.resolve("old.pem"), "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n");

        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> Certificates.read(new Tls.Pem(keys.certificate(), old)))
                .withMessageContaining("openssl pkcs8 -topk8 -nocrypt -in " + old);
    }

    @Test
    void aPasswordThatDoesNotOpenTheStoreIsRefusedAndNotRepeated() throws Exception {
        Path wrong = Files.writeString(directory.resolve("wrong"), "not-the-password\n");

        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> Certificates.read(new Tls.Store(keys.store(), Optional.of(wrong))))
                .withMessageContaining("does not open with the password in http.tls-password-file " + wrong)
                .withMessageNotContaining("not-the-password");
        refused(new Tls.Store(keys.store(), Optional.empty()), "http.tls-password-file, which is not set");
    }
}
