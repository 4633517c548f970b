// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class MetricsReferenceTest {
    private static final Path PAGE = Path.of("..", "docs", "metrics.md");

    /** With {@code -Dgpuslice.update-docs=true} it writes the page instead. */
    @Test
    void theReferencePageIsWhatTheCatalogueSays() throws IOException {
        if (Boolean.getBoolean("gpuslice.update-docs")) {
            Files.createDirectories(PAGE.getParent());
            Files.writeString(PAGE, MetricsReference.markdown());
        }
        assertThat(PAGE)
                .as("write it anew: mvn -pl http test -Dtest=MetricsReferenceTest -Dgpuslice.update-docs=true")
                .content()
                .isEqualTo(MetricsReference.markdown());
    }

    @Test
    void namesAreUniqueAndTheFiveOfTheFirstReleaseAreKept() {
        assertThat(Catalogue.ALL)
                .extracting(Family::name)
                .doesNotHaveDuplicates()
                .contains(
                        "gpuslice_sessions_active",
                        "gpuslice_used_bytes_total",
                        "gpuslice_alloc_events_total",
                        "gpuslice_denied_alloc_total",
                        "gpuslice_recovered_bytes_total");
    }
}
