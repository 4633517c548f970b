// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/** A real Chromium without a screen, told what to do through chromedriver, in the words of W3C WebDriver. */
final class Browser implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient CLIENT =
            HttpClient.newBuilder().connectTimeout(Guest.PATIENCE).build();
    private static final String READY = "ChromeDriver was started successfully on port ";
    private static final String ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

    /** Of a host name of its own, which is not this machine's: a page that somebody was lured to has one. */
    static final String ELSEWHERE = "gpu.example";

    private static final List<String> ARGUMENTS = List.of(
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP " + ELSEWHERE + " 127.0.0.1");

    private final Guest driver;
    private final URI session;

    /** @param dir for its profile; somebody else deletes it */
    Browser(Path dir) {
        Map<String, String> environment =
                Map.of("PATH", System.getenv("PATH"), "HOME", dir.toString(), "LANG", "C.UTF-8", "TZ", "UTC");
        driver = Guest.start(List.of("chromedriver", "--port=0"), environment, dir);
        String ready = driver.await(READY);
        URI base = URI.create("http://127.0.0.1:" + ready.replaceAll("\\D", ""));
        ObjectNode always = JSON.createObjectNode().put("browserName", "chrome");
        ObjectNode options = always.putObject("goog:chromeOptions");
        ARGUMENTS.forEach(options.putArray("args").add("--user-data-dir=" + dir.resolve("profile"))::add);
        always.putObject("goog:loggingPrefs").put("browser", "ALL");
        ObjectNode wanted = JSON.createObjectNode();
        wanted.putObject("capabilities").set("alwaysMatch", always);
        String id =
                send("POST", base.resolve("/session"), wanted).path("sessionId").asText();
        session = base.resolve("/session/" + id + "/");
    }

    /** Ends the test where it is not installed. */
    static void need() {
        Needs.that(
                Stream.of("chromium", "chromedriver").allMatch(Browser::isInstalled),
                "chromium and chromedriver are not installed: tools/install-deps installs them as root");
    }

    private static boolean isInstalled(String program) {
        return Stream.of(System.getenv("PATH").split(":")).anyMatch(dir -> Files.isExecutable(Path.of(dir, program)));
    }

    Browser open(String url) {
        send("POST", "url", JSON.createObjectNode().put("url", url));
        return this;
    }

    Browser reload() {
        send("POST", "refresh", JSON.createObjectNode());
        return this;
    }

    /** What a function with this body returns; a promise is waited for. */
    JsonNode js(String body, Object... arguments) {
        ObjectNode script = JSON.createObjectNode().put("script", body);
        script.set("args", JSON.valueToTree(arguments));
        return send("POST", "execute/sync", script);
    }

    /** The text of the first element that matches; empty where there is none. */
    String text(String selector) {
        return js("return document.querySelector(arguments[0])?.textContent ?? ''", selector)
                .asText();
    }

    int count(String selector) {
        return js("return document.querySelectorAll(arguments[0]).length", selector)
                .asInt();
    }

    /** As with a mouse: it must be in sight. */
    Browser click(String selector) {
        send("POST", "element/" + find(selector) + "/click", JSON.createObjectNode());
        return this;
    }

    /** As with a keyboard, in place of what is there. */
    Browser type(String selector, String text) {
        String element = find(selector);
        send("POST", "element/" + element + "/clear", JSON.createObjectNode());
        send("POST", "element/" + element + "/value", JSON.createObjectNode().put("text", text));
        return this;
    }

    /** One key, wherever the focus is. */
    Browser press(String key) {
        ObjectNode keyboard = JSON.createObjectNode().put("type", "key").put("id", "keyboard");
        keyboard.putArray("actions")
                .add(JSON.createObjectNode().put("type", "keyDown").put("value", key))
                .add(JSON.createObjectNode().put("type", "keyUp").put("value", key));
        ObjectNode actions = JSON.createObjectNode();
        actions.putArray("actions").add(keyboard);
        send("POST", "actions", actions);
        return this;
    }

    private String find(String selector) {
        ObjectNode by = JSON.createObjectNode().put("using", "css selector").put("value", selector);
        return send("POST", "element", by).path(ELEMENT).asText();
    }

    /** Waits until a script's function returns true. */
    void await(String what, String body, Object... arguments) {
        Awaitility.await(what)
                .atMost(Guest.PATIENCE)
                .pollInterval(Duration.ofMillis(50))
                .untilAsserted(() -> assertThat(js(body, arguments).asBoolean())
                        .as("%s; the page says: %s", what, text("body"))
                        .isTrue());
    }

    /** Waits until the first element that matches has this in its text. */
    void awaitText(String selector, String part) {
        await(
                selector + " says " + part,
                "return document.querySelector(arguments[0])?.textContent.includes(arguments[1]) ?? false",
                selector,
                part);
    }

    /** Before a page's own scripts, from the next page on. */
    void beforeEachPage(String script) {
        command("Page.addScriptToEvaluateOnNewDocument", JSON.createObjectNode().put("source", script));
    }

    /** CSS pixels. */
    Browser size(int width, int height, boolean phone) {
        command(
                "Emulation.setDeviceMetricsOverride",
                JSON.createObjectNode()
                        .put("width", width)
                        .put("height", height)
                        .put("deviceScaleFactor", 1)
                        .put("mobile", phone));
        return this;
    }

    /** @param scheme light or dark, as the system would have it */
    Browser colours(String scheme) {
        ObjectNode media = JSON.createObjectNode();
        media.putArray("features")
                .add(JSON.createObjectNode().put("name", "prefers-color-scheme").put("value", scheme))
                // Colours in the middle of a transition are nobody's choice.
                .add(JSON.createObjectNode()
                        .put("name", "prefers-reduced-motion")
                        .put("value", "reduce"));
        command("Emulation.setEmulatedMedia", media);
        return this;
    }

    private void command(String name, ObjectNode parameters) {
        ObjectNode command = JSON.createObjectNode().put("cmd", name);
        command.set("params", parameters);
        send("POST", "goog/cdp/execute", command);
    }

    /** What the console has said since it was last asked. */
    List<String> console() {
        JsonNode entries = send("POST", "se/log", JSON.createObjectNode().put("type", "browser"));
        return StreamSupport.stream(entries.spliterator(), false)
                .map(entry -> entry.path("level").asText() + " "
                        + entry.path("source").asText() + " "
                        + entry.path("message").asText())
                .toList();
    }

    /** What axe finds wrong with the page as it is, one rule and its elements a line. */
    List<String> violations() {
        js(AXE + "\nwindow.axe = axe;");
        JsonNode found =
                js("return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations"
                        + ".map((rule) => `${rule.id}: ${rule.help}: ${rule.nodes.map((node) => node.html + ' '"
                        + " + node.failureSummary).join(' | ')}`))");
        List<String> violations = new ArrayList<>();
        found.forEach(violation -> violations.add(violation.asText()));
        return violations;
    }

    private static final String AXE = axe();

    private static String axe() {
        try (InputStream in = Browser.class.getResourceAsStream("/axe.min.js")) {
            assertThat(in).as("axe.min.js in its jar").isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** PNG. */
    byte[] screenshot() {
        return Base64.getDecoder().decode(send("GET", "screenshot", null).asText());
    }

    private JsonNode send(String method, String path, @Nullable ObjectNode body) {
        return send(method, session.resolve(path), body);
    }

    private static JsonNode send(String method, URI url, @Nullable ObjectNode body) {
        HttpRequest request = HttpRequest.newBuilder(url)
                .timeout(Guest.PATIENCE)
                .header("Content-Type", "application/json; charset=utf-8")
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body.toString()))
                .build();
        try {
            HttpResponse<String> response = CLIENT.send(request, BodyHandlers.ofString());
            JsonNode value = Rig.json(response.body()).path("value");
            assertThat(response.statusCode())
                    .as("%s: %s", url.getPath(), value.path("message").asText())
                    .isEqualTo(200);
            return value;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** With all its processes. */
    @Override
    public void close() {
        List<ProcessHandle> all = ProcessHandle.of(driver.pid()).stream()
                .flatMap(ProcessHandle::descendants)
                .toList();
        try {
            send("DELETE", URI.create(session.toString().replaceFirst("/$", "")), null);
        } finally {
            driver.close();
            all.forEach(ProcessHandle::destroyForcibly);
            all.forEach(process -> process.onExit().join());
        }
    }
}
