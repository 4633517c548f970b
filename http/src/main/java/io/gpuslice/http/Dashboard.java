// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.GZIPOutputStream;
import org.apache.pekko.http.javadsl.model.ContentType;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.headers.RawHeader;
import org.apache.pekko.http.scaladsl.model.headers.HttpEncodings;
import org.apache.pekko.http.scaladsl.server.EncodingNegotiator;
import org.apache.pekko.util.ByteString;

/**
 * The dashboard's page and its files. They hold no data, are the same for everybody and for as long as the daemon runs:
 * each is read and packed when it is first asked for, and kept.
 */
final class Dashboard {

    private static final String PAGE = "index.html";

    private static final ContentType HTML = ContentTypes.parse("text/html; charset=UTF-8");
    private static final ContentType CSS = ContentTypes.parse("text/css; charset=UTF-8");
    private static final ContentType SCRIPT = ContentTypes.parse("text/javascript; charset=UTF-8");
    private static final ContentType PICTURE = ContentTypes.parse("image/svg+xml");

    private static final Set<String> OWN = Set.of(
            PAGE,
            "api.js",
            "charts.js",
            "devices.js",
            "dialogs.js",
            "dom.js",
            "format.js",
            "icon.svg",
            "live.js",
            "main.js",
            "overview.js",
            "refusals.js",
            "session.js",
            "sessions.js",
            "store.js",
            "style.css",
            "theme.js");

    /** Of uPlot, as its jar has them. */
    private static final Map<String, String> OTHERS =
            Map.of("uplot.js", "uPlot.iife.min.js", "uplot.css", "uPlot.min.css");

    private static final List<HttpHeader> OF_A_FILE = List.of(
            // The browser keeps it, and asks each time whether it is still the same.
            RawHeader.create("Cache-Control", "no-cache"), RawHeader.create("Vary", "Accept-Encoding"));

    /** One of the two forms of a file; a version is that of one form. */
    private record Form(ByteString bytes, String version) {}

    private record Held(ContentType type, Form plain, Form packed) {}

    private final Map<String, Held> files = new ConcurrentHashMap<>();

    /**
     * Answers with a file, or fails with a {@link Problem} where there is no such.
     *
     * @param file its name; empty: the page itself
     * @param http whose conditions and encodings count
     */
    CompletionStage<HttpResponse> answer(String file, HttpRequest http) {
        String name = file.isEmpty() ? PAGE : file;
        if (!OWN.contains(name) && !OTHERS.containsKey(name)) {
            return CompletableFuture.failedFuture(
                    Problem.badRequest(404, "the dashboard has no file \"" + name + "\": begin at /"));
        }
        Held held = files.computeIfAbsent(name, Dashboard::read);
        boolean packed = wantsPacked(http);
        Form form = packed ? held.packed : held.plain;
        HttpResponse response = HttpResponse.create()
                .addHeaders(Responses.OF_A_PAGE)
                .addHeaders(OF_A_FILE)
                .addHeader(RawHeader.create("ETag", EntityTags.quoted(form.version)));
        if (hasAlready(http, held)) {
            return CompletableFuture.completedFuture(response.withStatus(304));
        }
        if (packed) {
            response = response.addHeader(RawHeader.create("Content-Encoding", "gzip"));
        }
        return CompletableFuture.completedFuture(response.withEntity(HttpEntities.create(held.type, form.bytes)));
    }

    private static boolean wantsPacked(HttpRequest http) {
        return http.getHeader("accept-encoding").isPresent()
                && new EncodingNegotiator(((org.apache.pekko.http.scaladsl.model.HttpRequest) http).headers())
                        .isAccepted(HttpEncodings.gzip());
    }

    /** In whichever form: they say the same. */
    private static boolean hasAlready(HttpRequest http, Held held) {
        return Incoming.header(http, "if-none-match")
                .filter(tags -> EntityTags.has(tags, held.plain.version) || EntityTags.has(tags, held.packed.version))
                .isPresent();
    }

    private static Held read(String name) {
        String other = OTHERS.get(name);
        String resource = other == null ? "/io/gpuslice/http/dashboard/" + name : uPlot(other);
        try {
            byte[] bytes = bytes(resource);
            String tag = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes), 0, 12);
            ByteArrayOutputStream packed = new ByteArrayOutputStream();
            try (GZIPOutputStream packing = new GZIPOutputStream(packed)) {
                packing.write(bytes);
            }
            return new Held(
                    type(name),
                    new Form(ByteString.fromArrayUnsafe(bytes), tag),
                    new Form(ByteString.fromArrayUnsafe(packed.toByteArray()), tag + "-gzip"));
        } catch (IOException e) {
            throw new UncheckedIOException(resource + " cannot be read from the jar", e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A browser believes what it is told, and nothing else. */
    private static ContentType type(String name) {
        return switch (name.substring(name.lastIndexOf('.') + 1)) {
            case "html" -> HTML;
            case "css" -> CSS;
            case "js" -> SCRIPT;
            case "svg" -> PICTURE;
            default -> throw new IllegalStateException("what is " + name + "?");
        };
    }

    /** Where its jar has it: behind the version, which the jar says. */
    private static String uPlot(String file) {
        try (InputStream in = open("/META-INF/maven/org.webjars.npm/uplot/pom.properties")) {
            Properties jar = new Properties();
            jar.load(in);
            return "/META-INF/resources/webjars/uplot/" + jar.getProperty("version") + "/dist/" + file;
        } catch (IOException e) {
            throw new UncheckedIOException("uPlot's jar does not say its version", e);
        }
    }

    private static byte[] bytes(String resource) throws IOException {
        try (InputStream in = open(resource)) {
            return in.readAllBytes();
        }
    }

    private static InputStream open(String resource) throws IOException {
        InputStream in = Dashboard.class.getResourceAsStream(resource);
        if (in == null) {
            throw new IOException("there is no " + resource);
        }
        return in;
    }
}
