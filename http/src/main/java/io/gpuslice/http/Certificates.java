// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.Settings;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.UnrecoverableKeyException;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** The server's key and certificates. What cannot be used is found out when they are read, not when somebody connects. */
public final class Certificates {

    private static final Pattern PEM_KEY =
            Pattern.compile("-----BEGIN ((?:[A-Z0-9]+ )?PRIVATE KEY)-----(.*?)-----END \\1-----", Pattern.DOTALL);
    private static final String PKCS8 = "PRIVATE KEY";
    private static final String ENTRY = "http";
    private static final char[] NO_PASSWORD = {};

    private record Identity(PrivateKey key, List<Certificate> chain) {}

    private Certificates() {}

    /**
     * Reads them.
     *
     * @throws InvalidValueException naming the setting and the file, if they cannot be read, are no such thing, or do not
     *     belong together
     */
    public static SSLContext read(Settings.Tls tls) {
        try {
            return switch (tls) {
                case Settings.Tls.Pem(var certificate, var key) -> {
                    List<Certificate> chain = chain(certificate);
                    Identity identity = new Identity(key(key, chain.getFirst()), chain);
                    requireMatch(
                            identity, "http.tls-key " + key + " is not the key of http.tls-certificate " + certificate);
                    yield context(identity);
                }
                case Settings.Tls.Store(var file, var passwordFile) -> {
                    Identity identity = stored(file, passwordFile);
                    requireMatch(identity, "http.tls-store " + file + " has a key and the certificate of another");
                    yield context(identity);
                }
            };
        } catch (GeneralSecurityException | IOException e) {
            throw new InvalidValueException("TLS cannot be set up with what http.tls-… names: " + e.getMessage());
        }
    }

    private static List<Certificate> chain(Path file) throws GeneralSecurityException {
        byte[] bytes = bytes("http.tls-certificate", file);
        List<Certificate> chain;
        try {
            chain = List.copyOf(
                    CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(bytes)));
        } catch (java.security.cert.CertificateException e) {
            chain = List.of();
        }
        if (chain.isEmpty()) {
            throw new InvalidValueException(
                    "http.tls-certificate " + file
                            + " has no certificate: it is to be a PEM file with -----BEGIN CERTIFICATE-----, the server's first");
        }
        return chain;
    }

    private static PrivateKey key(Path file, Certificate certificate) throws GeneralSecurityException {
        Matcher pem = PEM_KEY.matcher(new String(bytes("http.tls-key", file), StandardCharsets.US_ASCII));
        if (!pem.find()) {
            throw new InvalidValueException(
                    "http.tls-key " + file + " has no key: it is to be a PEM file with -----BEGIN PRIVATE KEY-----");
        }
        if (!pem.group(1).equals(PKCS8)) {
            throw new InvalidValueException("http.tls-key " + file + " has a " + pem.group(1)
                    + ", and an unencrypted PKCS#8 is read here: make one of it with `openssl pkcs8 -topk8 -nocrypt -in "
                    + file + "`");
        }
        String algorithm = certificate.getPublicKey().getAlgorithm();
        try {
            return KeyFactory.getInstance(algorithm)
                    .generatePrivate(
                            new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem.group(2))));
        } catch (InvalidKeySpecException | IllegalArgumentException e) {
            throw new InvalidValueException("http.tls-key " + file
                    + " is damaged, or not the key of http.tls-certificate," + " which is " + algorithm);
        }
    }

    private static Identity stored(Path file, Optional<Path> passwordFile)
            throws GeneralSecurityException, IOException {
        char[] password = passwordFile.map(Certificates::password).orElse(NO_PASSWORD);
        KeyStore store = KeyStore.getInstance("PKCS12");
        try {
            store.load(new ByteArrayInputStream(bytes("http.tls-store", file)), password);
        } catch (IOException e) {
            throw new InvalidValueException("http.tls-store " + file
                    + (e.getCause() instanceof UnrecoverableKeyException
                            ? " does not open with the password in http.tls-password-file"
                                    + passwordFile.map(path -> " " + path).orElse(", which is not set")
                            : " is no PKCS#12 file: " + e.getMessage()));
        }
        List<String> keys = Collections.list(store.aliases()).stream()
                .filter(alias -> holdsKey(store, alias))
                .toList();
        if (keys.size() != 1) {
            throw new InvalidValueException(
                    "http.tls-store " + file + " has " + keys.size() + " keys, and one is wanted");
        }
        return new Identity(
                (PrivateKey) store.getKey(keys.getFirst(), password),
                List.of(store.getCertificateChain(keys.getFirst())));
    }

    private static boolean holdsKey(KeyStore store, String alias) {
        try {
            return store.isKeyEntry(alias);
        } catch (GeneralSecurityException e) {
            throw new AssertionError("the store is loaded", e);
        }
    }

    private static char[] password(Path file) {
        String text = new String(bytes("http.tls-password-file", file), StandardCharsets.UTF_8);
        return text.lines().findFirst().orElse("").toCharArray();
    }

    /** Something signed by the key must be the certificate's. */
    private static void requireMatch(Identity identity, String otherwise) throws GeneralSecurityException {
        byte[] text = otherwise.getBytes(StandardCharsets.UTF_8);
        String algorithm = switch (identity.key().getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "EC" -> "SHA256withECDSA";
            case String other -> other;
        };
        Certificate server = identity.chain().getFirst();
        if (!server.getPublicKey().getAlgorithm().equals(identity.key().getAlgorithm())) {
            throw new InvalidValueException(otherwise);
        }
        Signature signature = Signature.getInstance(algorithm);
        signature.initSign(identity.key());
        signature.update(text);
        byte[] signed = signature.sign();
        signature.initVerify(server.getPublicKey());
        signature.update(text);
        if (!signature.verify(signed)) {
            throw new InvalidValueException(otherwise);
        }
    }

    private static SSLContext context(Identity identity) throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, NO_PASSWORD);
        store.setKeyEntry(ENTRY, identity.key(), NO_PASSWORD, identity.chain().toArray(Certificate[]::new));
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, NO_PASSWORD);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        return context;
    }

    private static byte[] bytes(String setting, Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            String why = switch (e) {
                case NoSuchFileException _ -> "there is no such file";
                case AccessDeniedException _ -> "the daemon's user may not";
                default -> String.valueOf(e.getMessage());
            };
            throw new InvalidValueException(setting + " " + file + " cannot be read: " + why);
        }
    }
}
