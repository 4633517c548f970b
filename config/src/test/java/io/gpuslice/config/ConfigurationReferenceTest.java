// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ConfigurationReferenceTest {
    private static final Path PAGE = Path.of("..", "docs", "configuration.md");

    /** With {@code -Dgpuslice.update-docs=true} it writes the page instead. */
    @Test
    void theReferencePageIsWhatTheCatalogueSays() throws IOException {
        if (Boolean.getBoolean("gpuslice.update-docs")) {
            Files.createDirectories(PAGE.getParent());
            Files.writeString(PAGE, ConfigurationReference.markdown());
        }
        assertThat(PAGE)
                .as("write it anew: mvn -pl config test -Dtest=ConfigurationReferenceTest -Dgpuslice.update-docs=true")
                .content()
                .isEqualTo(ConfigurationReference.markdown());
    }

    @Test
    void everySettingHasItsOwnVariableAndReadableDefault() {
        assertThat(Catalogue.ALL)
                .extracting(Setting::variable)
                .doesNotHaveDuplicates()
                .contains("GPUSLICE_IPC_SOCK", "GPUSLICE_STATE_DIR");
        assertThat(Catalogue.ALL)
                .allSatisfy(setting -> assertThat(setting.parse(setting.defaultText(), "default"))
                        .isNotNull());
    }
}
