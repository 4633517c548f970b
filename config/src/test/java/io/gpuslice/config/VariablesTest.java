// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class VariablesTest {

    @Test
    void aMisspeltVariableIsNamedWithTheOneThatWasMeant() {
        assertThat(Variables.unread(Map.of("GPUSLICE_STATEDIR", "/var", "GPUSLICE_IPC_TOKNE", "secret")))
                .containsExactly(
                        "GPUSLICE_IPC_TOKNE is set, and nothing reads it; did you mean GPUSLICE_IPC_TOKEN?",
                        "GPUSLICE_STATEDIR is set, and nothing reads it; did you mean GPUSLICE_STATE_DIR?");
    }

    @Test
    void whereNothingIsNearNothingIsGuessed() {
        assertThat(Variables.unread(Map.of("GPUSLICE_LIMIT", "8GB")))
                .containsExactly("GPUSLICE_LIMIT is set, and nothing reads it");
    }

    @Test
    void othersVariablesAndEmptyOnesAreNoneOfOurBusiness() {
        assertThat(Variables.unread(Map.of("GPU_SLICE", "1", "GPUSLICER_X", "1", "GPUSLICE_STATEDIR", "")))
                .isEmpty();
    }

    @Test
    void whatGpusliceItselfSetsIsKnown() {
        assertThat(Variables.unread(Map.of(
                        "GPUSLICE_SESSION", "0123456789abcdef",
                        "GPUSLICE_READY_FD", "1",
                        "GPUSLICE_KEPT_LD_PRELOAD", "/x.so",
                        "GPUSLICE_HTTP_TLS_STORE", "/x.p12")))
                .isEmpty();
    }

    @Test
    void whatIsKnownIsWhatThePageOfVariablesHas() throws IOException {
        Set<String> onThePage = Pattern.compile("`(GPUSLICE_[A-Z_]*[A-Z])`")
                .matcher(Files.readString(Path.of("../docs/environment.md")))
                .results()
                .map(match -> match.group(1))
                .collect(Collectors.toSet());
        assertThat(Variables.known()).containsExactlyInAnyOrderElementsOf(onThePage);
    }
}
