// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.telemetry.Operation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class AuditReferenceTest {
    private static final Path PAGE = Path.of("..", "docs", "audit.md");

    /** With {@code -Dgpuslice.update-docs=true} it writes the page instead. */
    @Test
    void theReferencePageIsWhatTheCataloguesSay() throws IOException {
        if (Boolean.getBoolean("gpuslice.update-docs")) {
            Files.writeString(PAGE, AuditReference.markdown());
        }
        assertThat(PAGE)
                .as("write it anew: mvn -pl daemon test -Dtest=AuditReferenceTest -Dgpuslice.update-docs=true")
                .content()
                .isEqualTo(AuditReference.markdown());
    }

    @Test
    void noTwoOperationsHaveOneName() {
        assertThat(Stream.concat(Arrays.stream(Operation.values()), Arrays.stream(OwnOperation.values()))
                        .map(Object::toString))
                .doesNotHaveDuplicates();
    }
}
