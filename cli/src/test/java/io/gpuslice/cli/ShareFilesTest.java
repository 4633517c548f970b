// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.cli.manual.Page;
import io.gpuslice.config.SettingText;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine.Model.OptionSpec;

class ShareFilesTest {
    @TempDir
    private static Path share;

    @BeforeAll
    static void write() throws Exception {
        ShareFiles.main(share.toString());
    }

    private static String page(String file) throws Exception {
        return Files.readString(share.resolve("man").resolve(file));
    }

    @Test
    void theyLieWhereManAndTheShellsLook() {
        assertThat(share)
                .isDirectoryRecursivelyContaining("glob:**/man/man1/gpuslice.1")
                .isDirectoryRecursivelyContaining("glob:**/man/man5/gpuslice.conf.5")
                .isDirectoryRecursivelyContaining("glob:**/man/man8/gpusliced.8")
                .isDirectoryRecursivelyContaining("glob:**/bash-completion/completions/gpuslice")
                .isDirectoryRecursivelyContaining("glob:**/zsh/site-functions/_gpuslice")
                .isDirectoryRecursivelyContaining("glob:**/fish/vendor_completions.d/gpuslice.fish");
    }

    @Test
    void everyVerbHasAPageWithAllItsOptionsAndAnExample() throws Exception {
        String overview = page("man1/gpuslice.1");
        for (Verb verb : Verb.values()) {
            String page = page("man1/gpuslice-" + verb.typedName() + ".1");
            assertThat(page).contains(".SH \"EXAMPLES\"", ".SH \"EXIT STATUS\"");
            for (OptionSpec option : verb.spec().options()) {
                assertThat(page)
                        .as(verb.typedName())
                        .contains(Arrays.stream(option.names())
                                .map(name -> "\\fB" + name.replace("-", "\\-") + "\\fP")
                                .toList());
            }
            assertThat(overview).contains(".BR gpuslice\\-" + verb.typedName() + " (1)");
        }
    }

    @Test
    void whatPicocliTakesForFormatsIsPlainText() throws Exception {
        assertThat(page("man1/gpuslice-run.1")).contains("(50%)").doesNotContain("%%", "%n");
    }

    @Test
    void everySettingIsInThePageOfTheFileAndInTheDaemons() throws Exception {
        assertThat(SettingText.all()).hasSizeGreaterThan(20);
        for (SettingText setting : SettingText.all()) {
            assertThat(page("man5/gpuslice.conf.5"))
                    .contains("\\fB" + setting.key().replace("-", "\\-") + "\\fP")
                    .contains(setting.variable());
            assertThat(page("man8/gpusliced.8"))
                    .contains("\\fB" + setting.flag().replace("-", "\\-") + "\\fP");
        }
    }

    @Test
    void groffHasNothingToSayAgainstThem() throws Exception {
        Assumptions.assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/groff")), "groff is not installed (tools/debian-packages)");
        List<Page> pages = ShareFiles.pages(Main.commandLine());
        assertThat(pages).hasSizeGreaterThan(Verb.values().length);
        for (Page page : pages) {
            String file = share.resolve("man").resolve(page.file()).toString();
            Installation.Result result =
                    Installation.capture(new ProcessBuilder("groff", "-ww", "-man", "-Tutf8", file), "");
            assertThat(result.err()).as(file).isEmpty();
            assertThat(result.text().lines()).hasSizeGreaterThan(20);
        }
    }
}
