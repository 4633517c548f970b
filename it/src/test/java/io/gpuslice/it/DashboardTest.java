// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The dashboard as somebody sees it: in a real browser, with a real daemon and real guests on the simulated GPU. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DashboardTest {
    private static final int DESKTOP = 1280;
    private static final int PHONE = 390;
    private static final int HEIGHT = 800;
    private static final int MOST_BYTES = 100_000;
    /** As WebDriver has keys that are no text. */
    private static final String ENTER = "\uE007";

    private static final String ESCAPE = "\uE00C";

    /** Whether a bar's first piece is as long as that share of it. */
    private static final String FILLED = """
            const width = (part) => document.querySelector(part).getBoundingClientRect().width;
            return Math.abs(width(arguments[0] + ' .used') / width(arguments[0]) - arguments[1]) < .01""";

    private Rig rig;
    private Browser browser;
    private Guest daemon;
    private final List<Guest> guests = new ArrayList<>();

    /** What the console may say in this test, as of a refusal that is asked for. */
    private Predicate<String> expected = line -> false;

    @BeforeAll
    void start() throws IOException {
        Browser.need();
        rig = Rig.idle()
                .with("GPUSLICE_HTTP_ADDRESS", "127.0.0.1:" + freePort())
                .with("FAKECUDA_DEVICES", "1");
        daemon = rig.daemon();
        browser = new Browser(rig.dir);
        browser.beforeEachPage("window.strange = []; addEventListener('securitypolicyviolation', (event) =>"
                + " strange.push(`${event.violatedDirective} ${event.blockedURI}`));");
    }

    /** One that the next daemon has too: a page comes back to where it was loaded from. */
    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    @AfterAll
    void stop() {
        if (browser != null) {
            browser.close();
        }
        if (rig != null) {
            rig.close();
        }
    }

    @BeforeEach
    void asANewcomer() {
        expected = line -> false;
        browser.size(DESKTOP, HEIGHT, false).colours("light").open(page("/"));
        browser.js("sessionStorage.clear(); localStorage.clear()");
        browser.reload();
        live();
        browser.console();
    }

    @AfterEach
    void nothingIsStrange() {
        List<String> console = browser.console();
        JsonNode strange = browser.js("return strange");
        // It would ask for what is taken away now.
        browser.open("about:blank");
        guests.forEach(Guest::close);
        guests.clear();
        rig.web()
                .get("/sessions")
                .json()
                .path("sessions")
                .forEach(session -> rig.web()
                        .call("DELETE", "/sessions/" + session.path("id").asText() + "?force=true", "")
                        .with(200));
        assertThat(console).as("the console").allMatch(expected);
        assertThat(strange).as("the security policy").isEmpty();
    }

    private String page(String hash) {
        return rig.web().url() + "/#" + hash;
    }

    private void live() {
        browser.await(
                "it is live",
                "return document.body.dataset.link === 'live' && !document.querySelector('.waiting:not([hidden])')");
    }

    private Rig.Opened session(String name, String limit) {
        JsonNode opened = rig.web()
                .call("POST", "/sessions", "{\"limit\": \"" + limit + "\", \"name\": \"" + name + "\"}")
                .with(201)
                .json();
        return new Rig.Opened(opened.path("id").asText(), opened.path("token").asText());
    }

    private Guest holder(Rig.Opened session, int mebibytes) {
        Guest guest = rig.in(session, "holder", "--count", mebibytes);
        guests.add(guest);
        guest.await("ready");
        return guest;
    }

    private static String row(Rig.Opened session) {
        return "tr[data-id='" + session.id() + "']";
    }

    private void unlock() {
        browser.js(
                "sessionStorage.setItem('gpuslice.token', arguments[0])",
                rig.web().token());
    }

    @Test
    void theBarsMoveWhenAGuestAllocates() {
        Rig.Opened session = session("mover", "1GB");
        Guest guest = holder(session, 256);
        browser.awaitText(row(session) + " td:nth-of-type(2)", "256.0 MiB");
        browser.awaitText(".legend", "mover");
        browser.await("a sixteenth of the device's 4 GiB", FILLED, ".bar", 1 / 16.0);

        guest.say("more 512");
        guest.await("held=768");

        browser.awaitText(row(session) + " td:nth-of-type(2)", "768.0 MiB");
        browser.await("three sixteenths", FILLED, ".bar", 3 / 16.0);
        browser.await("three quarters of the limit", FILLED, row(session) + " .meter", 3 / 4.0);

        guest.say("less 768");
        browser.awaitText(row(session) + " td:nth-of-type(2)", "0 B");
    }

    @Test
    void aRefusalAppearsAsItHappens() {
        Rig.Opened session = session("wants-more", "64MB");
        Guest guest = holder(session, 64);
        browser.awaitText(row(session), "wants-more");
        assertThat(browser.count(".refusals li")).isZero();

        guest.say("more 1");
        guest.await("held=64 refused=2");

        browser.awaitText(".refusals li", "wants-more");
        browser.awaitText(".refusals li", "asked for 1.0 MiB");
        browser.awaitText(".refusals li", "over the limit, 64.0 MiB of 64.0 MiB used · device 0 · pid " + guest.pid());
        assertThat(browser.count(".refusals li")).isEqualTo(1);
    }

    @Test
    void aNameIsTextWhateverItSays() {
        String name = "<img src=x onerror=hacked=1>";
        Rig.Opened session = session(name, "64MB");
        holder(session, 65);

        browser.awaitText(row(session), name);
        browser.awaitText(".refusals li", name);
        browser.open(page("/sessions/" + session.id()));
        browser.awaitText("h1", name);
        assertThat(browser.count("img")).isZero();
        assertThat(browser.js("return typeof hacked").asText()).isEqualTo("undefined");
    }

    @Test
    void aSessionIsResizedWithTheTokenAlone() {
        expected = line -> line.contains(" 401 ") || line.contains(" 400 ");
        Rig.Opened session = session("grows", "64MB");
        browser.open(page("/sessions/grows"));
        browser.awaitText(".facts", session.id());

        browser.click("#resize").type("#token", "wrong").click("#token-dialog .main");
        browser.awaitText("#token-dialog .refused", "the token is not this daemon's");
        browser.type("#token", rig.web().token()).click("#token-dialog .main");
        browser.await("the dialog", "return document.querySelector('#resize-dialog').open");
        browser.type("#limit", "8 bananas").click("#resize-dialog .main");
        browser.awaitText("#resize-dialog .refused", "8 bananas");
        browser.awaitText("#resize-dialog .refused", "8GB");
        assertThat(rig.inspect(session.id()).path("limit").asText()).isEqualTo("64MB");

        browser.type("#limit", "128MB").type("#ttl", "2h").click("#resize-dialog .main");

        browser.awaitText(".facts", "limit 128MB");
        browser.awaitText(".facts", "ends in 1h 59m");
        JsonNode resized = rig.inspect(session.id());
        assertThat(resized.path("limit").asText()).isEqualTo("128MB");
        assertThat(resized.path("ttl_left_seconds").asLong()).isBetween(7000L, 7200L);
        assertThat(browser.js("return Object.values(localStorage)").toString())
                .doesNotContain(rig.web().token());
    }

    @Test
    void twoWhoChangeTheSameDoNotUndoEachOther() {
        expected = line -> line.contains(" 412 ");
        Rig.Opened session = session("contested", "64MB");
        unlock();
        browser.open(page("/sessions/" + session.id()));
        browser.awaitText(".facts", session.id());
        browser.click("#resize");
        browser.awaitText("#resize-dialog .now", "64MB");
        rig.web()
                .call("PATCH", "/sessions/" + session.id(), "{\"limit\": \"256MB\"}")
                .with(200);

        browser.type("#limit", "128MB").click("#resize-dialog .main");

        browser.await("a refusal", "return document.querySelector('#resize-dialog .refused').textContent !== ''");
        browser.awaitText("#resize-dialog .now", "256MB");
        assertThat(rig.inspect(session.id()).path("limit").asText()).isEqualTo("256MB");
        browser.click("#resize-dialog .main");
        browser.awaitText(".facts", "limit 128MB");
    }

    @Test
    void aSessionIsEndedOnceItIsSaidWhatLivesInIt() {
        // Where it ends between the news of it and a question about it.
        expected = line -> line.contains(" 410 ") || line.contains(" 404 ");
        Rig.Opened session = session("ends", "64MB");
        Guest guest = holder(session, 32);
        unlock();
        browser.open(page("/sessions/" + session.id()));
        browser.awaitText(".main table", "holder");
        browser.awaitText(".main section:nth-of-type(2) table", "linear");

        browser.click("#end");
        browser.awaitText("#end-dialog .lives", "holder");
        browser.awaitText("#end-dialog .now", "32.0 MiB");
        assertThat(guest.alive()).isTrue();
        browser.click("#end-dialog .main");

        browser.awaitText(".empty:not([hidden])", "This session has ended");
        assertThat(guest.exitCode()).isEqualTo(143);
        browser.click("nav a").awaitText(".empty:not([hidden])", "gpuslice run --limit 8GB -- python train.py");
    }

    @Test
    void aPageOfNoSessionSaysSo() {
        expected = line -> line.contains(" 404 ");

        browser.open(page("/sessions/nobody"));

        browser.awaitText(".empty:not([hidden])", "there is no session \"nobody\"");
    }

    @Test
    void itComesBackWithTheDaemon() {
        expected = line -> line.contains(" network ");
        Rig.Opened session = session("survivor", "64MB");
        Guest guest = holder(session, 16);
        browser.awaitText(row(session) + " td:nth-of-type(2)", "16.0 MiB");

        daemon.kill().exitCode();
        browser.awaitText("#banner:not([hidden])", "The daemon is away since");
        assertThat(browser.text(row(session))).contains("16.0 MiB");
        daemon = rig.daemon();

        live();
        assertThat(browser.count("#banner[hidden]")).isEqualTo(1);
        guest.say("more 16");
        guest.await("held=32");
        browser.awaitText(row(session) + " td:nth-of-type(2)", "32.0 MiB");
    }

    /** A browser has six connections to one host: a page that kept its own would soon leave none. */
    @Test
    void aPageThatIsLeftGivesItsConnectionBack() {
        long began = System.nanoTime();
        for (int visit = 0; visit < 8; visit++) {
            browser.open("about:blank").open(page("/"));
            live();
        }

        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Guest.PATIENCE.dividedBy(2));
    }

    @Test
    void whoMayNotLookIsToldWhatToDo() {
        expected = line -> line.contains(" 421 ");

        browser.open("http://" + Browser.ELSEWHERE + ":" + rig.web().url().getPort() + "/");

        browser.awaitText(".plain .refused", "this is not \"" + Browser.ELSEWHERE + "\"");
        browser.click(".plain button").type("#token", rig.web().token()).click("#token-dialog .main");
        live();
    }

    @Test
    void twoHundredSessionsAreFoundAndSorted() {
        for (int i = 0; i < 200; i++) {
            session("crowd-" + i, (64 + i) + "MB");
        }
        browser.await("all of them", "return document.querySelectorAll('table.sessions tbody tr').length === 200");

        browser.click("thead th:nth-of-type(5) button");
        browser.awaitText("table.sessions tbody tr:first-child", "crowd-199");
        browser.press("/").type("#filter", "crowd-17");
        browser.await(
                "what was looked for", "return document.querySelectorAll('table.sessions tbody tr').length === 11");
        browser.click("thead th:nth-of-type(5) button");
        browser.awaitText("table.sessions tbody tr:first-child", "crowd-17");
        assertThat(browser.text("table.sessions tbody tr:first-child th a")).isEqualTo("crowd-17");
    }

    @Test
    void theKeyboardIsEnough() {
        Rig.Opened session = session("keys", "64MB");
        browser.awaitText(row(session), "keys");

        browser.press("?");
        browser.await("the list of keys", "return document.querySelector('#help-dialog').open");
        browser.press(ESCAPE);
        browser.await("no list of keys", "return !document.querySelector('#help-dialog').open");
        browser.press("j").press(ENTER);
        browser.awaitText("h1", "keys");
        browser.await("the heading has the focus", "return document.activeElement === document.querySelector('h1')");
        browser.press("t").press("t");
        assertThat(browser.js("return document.documentElement.dataset.theme").asText())
                .isEqualTo("dark");
        browser.press("o");
        browser.await("the overview", "return document.querySelector('table.sessions') !== null");
    }

    @ParameterizedTest
    @CsvSource({"light, 1280", "dark, 1280", "light, 390", "dark, 390"})
    void nobodyIsShutOutByHowItIsMade(String scheme, int width) {
        Rig.Opened session = session("seen-by-all", "64MB");
        holder(session, 65);
        unlock();
        browser.size(width, HEIGHT, width == PHONE).colours(scheme);
        browser.awaitText(".refusals li", "seen-by-all");
        assertThat(browser.violations()).as("overview").isEmpty();
        assertThat(browser.js("return document.documentElement.scrollWidth").asInt())
                .as("nothing has to be scrolled sideways")
                .isLessThanOrEqualTo(width);

        browser.click(row(session) + " a");
        browser.awaitText(".main section:nth-of-type(2) table", "linear");
        browser.awaitText(".refusals li", "asked for");
        assertThat(browser.violations()).as("session").isEmpty();

        browser.click("#resize");
        browser.await("the dialog", "return document.querySelector('#resize-dialog').open");
        assertThat(browser.violations()).as("dialog").isEmpty();
        browser.click("#resize-dialog .cancel");
    }

    @Test
    void itIsLightAndSoonThere() {
        browser.js("performance.clearResourceTimings()");
        browser.open("about:blank").open(page("/"));
        live();

        JsonNode loaded = browser.js("""
                const files = performance.getEntriesByType('resource').filter(({ name }) => name.includes('/dashboard/'));
                const page = performance.getEntriesByType('navigation')[0];
                return { files: files.length, bytes: [page, ...files].reduce((sum, each) => sum + each.encodedBodySize, 0),
                    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
                    elsewhere: performance.getEntriesByType('resource').filter(({ name }) => !name.startsWith(location.origin)).length };
                """);

        System.out.println("dashboard: " + loaded);
        assertThat(loaded.path("files").asInt()).isGreaterThan(10);
        assertThat(loaded.path("bytes").asInt()).isBetween(20_000, MOST_BYTES);
        assertThat(loaded.path("elsewhere").asInt()).isZero();
    }
}
