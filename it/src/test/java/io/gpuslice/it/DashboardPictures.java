// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * The README's pictures, taken of the real thing: two teams and a notebook on one card of 24 GiB, for as many minutes as
 * are asked for. {@code -Dtest=DashboardPictures -Dgpuslice.pictures=docs/images -Dgpuslice.pictures.minutes=60}
 */
@EnabledIfSystemProperty(
        named = "gpuslice.pictures",
        matches = ".+",
        disabledReason = "draws the README's pictures, into the folder that gpuslice.pictures names")
class DashboardPictures {
    private static final int MOST_BYTES = 200_000;
    private static final Duration STEP = Duration.ofSeconds(5);
    private static final String BLOCK = "256M";

    @AutoClose
    private final Rig rig = Rig.idle()
            .with("FAKECUDA_DEVICES", "1")
            .with("FAKECUDA_MEMORY", "24G")
            .with("GPUSLICE_HTTP_ADDRESS", "127.0.0.1:0");

    /** A program that takes and gives back, and how many blocks it has at most. */
    private record Job(Guest guest, int most) {}

    private final List<Job> jobs = new ArrayList<>();

    private Rig.Opened session(String name, String limit, String ttl) {
        JsonNode opened = rig.web()
                .call("POST", "/sessions", """
                        {"limit": "%s", "name": "%s", "ttl": "%s"}""".formatted(limit, name, ttl))
                .with(201)
                .json();
        return new Rig.Opened(opened.path("id").asText(), opened.path("token").asText());
    }

    /** The holder under a name that says what it stands for. */
    private void job(Rig.Opened session, String name, int count, int most) throws IOException {
        Path program = rig.dir.resolve(name);
        if (!Files.exists(program)) {
            Files.copy(rig.tree.program("holder"), program);
        }
        Map<String, String> environment = rig.environmentOf(session.id(), session.token());
        Guest guest = rig.start(List.of("./" + name, "--count", "" + count, "--size", BLOCK), environment);
        guest.await("ready held=" + count);
        jobs.add(new Job(guest, most));
    }

    @Test
    void ofTheOverviewAndOfASession() throws Exception {
        Browser.need();
        rig.daemon();
        Rig.Opened vision = session("team-vision", "12GB", "8h");
        Rig.Opened language = session("team-language", "10GB", "none");
        Rig.Opened notebook = session("notebook-ann", "2GB", "2h");
        job(vision, "train", 20, 30);
        job(vision, "evaluate", 6, 10);
        job(language, "finetune", 24, 34);
        job(notebook, "jupyter", 3, 6);
        work(Duration.ofMinutes(Long.getLong("gpuslice.pictures.minutes", 1)));
        for (int greedy : new int[] {3, 0}) {
            Job job = jobs.get(greedy);
            job.guest.say("more 48");
            job.guest.await("held=");
            // What it gives back then is its credit.
            job.guest.say("less 6");
            job.guest.await("held=");
        }

        try (Browser browser = new Browser(rig.dir)) {
            browser.size(1280, 540, false).colours("light").open(rig.web().url() + "/#/");
            browser.awaitText(".refusals", "team-vision");
            browser.awaitText(".refusals", "notebook-ann");
            settled(browser);
            keep(browser, "dashboard.png");
            browser.size(1280, 720, false).colours("dark").open(rig.web().url() + "/#/sessions/team-vision");
            browser.awaitText(".main section:nth-of-type(2) table", "linear");
            settled(browser);
            keep(browser, "dashboard-session.png");
        }
    }

    /** Always the same, so that a picture changes where the page does. */
    private void work(Duration length) throws InterruptedException {
        Random chance = new Random(24);
        int[] held = {20, 6, 24, 3};
        for (long step = length.dividedBy(STEP); step > 0; step--) {
            int which = chance.nextInt(jobs.size());
            Job job = jobs.get(which);
            int wanted = Math.max(1, Math.min(job.most, held[which] + chance.nextInt(-4, 6)));
            job.guest.say(wanted < held[which] ? "less " + (held[which] - wanted) : "more " + (wanted - held[which]));
            job.guest.await("held=");
            held[which] = wanted;
            Thread.sleep(STEP);
        }
    }

    /** Curves drawn and the last numbers there. */
    private static void settled(Browser browser) {
        browser.await("a curve", "return document.querySelector('.chart canvas') !== null");
        browser.js("return new Promise((done) => setTimeout(done, 3000))");
    }

    private static void keep(Browser browser, String name) throws IOException {
        byte[] picture = browser.screenshot();
        assertThat(picture.length).as(name).isLessThan(MOST_BYTES);
        Path folder = Path.of(System.getProperty("gpuslice.pictures"));
        Files.createDirectories(folder);
        Files.write(folder.resolve(name), picture);
    }
}
