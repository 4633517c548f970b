// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.apache.pekko.http.javadsl.model.ContentType;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.headers.RawHeader;

/** Text that is the same as long as the daemon runs, and that tells nothing of anybody. */
final class Document {

    private static final String DIGEST = "SHA-256";

    private final ContentType type;
    private final byte[] text;
    private final String version;

    Document(Format format, String text) {
        this.type = format.type();
        this.text = text.getBytes(StandardCharsets.UTF_8);
        version = version(this.text);
    }

    /** What stands beside this class under that name. */
    static String resource(String name) {
        try (InputStream in = Document.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException(name + " is not where the classes of HTTP are");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(name + " cannot be read", e);
        }
    }

    private static String version(byte[] text) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance(DIGEST).digest(text), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has " + DIGEST, e);
        }
    }

    /** The document, or that the client has it already. */
    HttpResponse answer(HttpRequest http) {
        boolean known = Incoming.header(http, "if-none-match")
                .filter(header -> EntityTags.has(header, version))
                .isPresent();
        List<HttpHeader> headers = List.of(
                RawHeader.create("ETag", EntityTags.quoted(version)), RawHeader.create("Cache-Control", "no-cache"));
        HttpResponse response =
                HttpResponse.create().addHeaders(Responses.OF_A_PAGE).addHeaders(headers);
        return known ? response.withStatus(304) : response.withEntity(HttpEntities.create(type, text));
    }
}
