// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.manual;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class PageTest {
    private static Page page() {
        return new Page("thing", 1, "gpuslice 1.0", "Does a thing.");
    }

    @Test
    void itHasANameForWhatisAndAPlaceInTheManual() {
        assertThat(page().toString())
                .contains(".TH \"THING\" 1 \"\" \"gpuslice 1.0\"\n.SH \"NAME\"\nthing \\- does a thing\n");
        assertThat(page().file()).isEqualTo("man1/thing.1");
    }

    @Test
    void aLineThatBeginsLikeARequestIsText() {
        assertThat(page().paragraph(".so /etc/passwd").toString()).contains("\n\\&.so /etc/passwd\n");
        assertThat(page().paragraph("'tis").toString()).contains("\n\\(aqtis\n");
        assertThat(page().example(List.of("  .hidden", ".hidden")).toString()).contains("\n\\&.hidden\n");
    }

    @Test
    void nothingInATextMeansAnythingToRoff() {
        assertThat(page().paragraph("a\\fBb -1 \"q\" ^~`").toString())
                .contains("\na\\efBb \\-1 \"q\" \\(ha\\(ti\\(ga\n");
    }

    @Test
    void whatIsTypedIsBoldAndWhatStandsForSomethingElseIsSlanted() {
        assertThat(page().paragraph("see `gpuslice ps -q`").toString()).contains("\nsee \\fBgpuslice ps \\-q\\fP\n");
        assertThat(page().synopsis("gpuslice run --limit SIZE [-q]").toString())
                .contains("\ngpuslice run \\fB\\-\\-limit\\fP \\fISIZE\\fP [\\fB\\-q\\fP]\n");
    }

    @Test
    void itIsAsciiWhateverTheTextIs() {
        assertThat(page().paragraph("… → ü 😀").toString()).contains("\n\\&... \\(-> \\[u00FC] \\[u1F600]\n");
    }
}
