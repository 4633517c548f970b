// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LocationsTest {
    private static Locations locations(String... environment) {
        Map<String, String> map = new HashMap<>();
        for (int i = 0; i < environment.length; i += 2) {
            map.put(environment[i], environment[i + 1]);
        }
        return new Locations(map, 1000);
    }

    @Test
    void theSocketIsInTheUsersRuntimeDirectory() {
        assertThat(locations("XDG_RUNTIME_DIR", "/run/user/1000").socket())
                .isEqualTo(Path.of("/run/user/1000/gpuslice/gpuslice.sock"));
    }

    @Test
    void withoutARuntimeDirectoryItIsInOneOfTheUsersOwnUnderTmp() {
        assertThat(locations().socket()).isEqualTo(Path.of("/tmp/gpuslice-1000/gpuslice.sock"));
        assertThat(locations("XDG_RUNTIME_DIR", "").runtimeDirectory()).isEqualTo(Path.of("/tmp/gpuslice-1000"));
        assertThat(locations("XDG_RUNTIME_DIR", "relative").runtimeDirectory())
                .isEqualTo(Path.of("/tmp/gpuslice-1000"));
    }

    @Test
    void theMachinesDaemonIsTriedBeforeTheUsersOwn() {
        assertThat(locations().socketsToTry())
                .containsExactly(Path.of("/run/gpuslice/gpuslice.sock"), Path.of("/tmp/gpuslice-1000/gpuslice.sock"));
    }

    @Test
    void aNamedSocketIsTheOnlyOneTried() {
        assertThat(locations("GPUSLICE_IPC_SOCK", "/x/y.sock").socketsToTry()).containsExactly(Path.of("/x/y.sock"));
        assertThat(locations("GPUSLICE_IPC_SOCK", "y.sock").socket()).isAbsolute();
    }

    @Test
    void aSocketPathLongerThanTheKernelTakesIsRefusedWithTheNumbers() {
        String longest = "/" + "x".repeat(106);
        assertThat(locations("GPUSLICE_IPC_SOCK", longest).socket()).isEqualTo(Path.of(longest));
        assertThatThrownBy(() -> locations("GPUSLICE_IPC_SOCK", longest + "x").socket())
                .hasMessageContaining("has 108 bytes, more than the 107");
    }

    @Test
    void theStateIsWhereItIsToldOrInTheUsersStateDirectory() {
        assertThat(locations("GPUSLICE_STATE_DIR", "/s", "HOME", "/h").stateDirectory())
                .isEqualTo(Path.of("/s"));
        assertThat(locations("XDG_STATE_HOME", "/x", "HOME", "/h").stateDirectory())
                .isEqualTo(Path.of("/x/gpuslice"));
        assertThat(locations("HOME", "/h").stateDirectory()).isEqualTo(Path.of("/h/.local/state/gpuslice"));
        assertThatThrownBy(() -> locations().stateDirectory()).hasMessageContaining("set GPUSLICE_STATE_DIR");
    }

    @Test
    void theUsersConfigurationOverridesTheMachinesButRootHasOnlyTheLatter() {
        assertThat(locations("HOME", "/h").configurationDirectories())
                .containsExactly(Path.of("/etc/gpuslice"), Path.of("/h/.config/gpuslice"));
        assertThat(locations("HOME", "/h", "XDG_CONFIG_HOME", "/c").configurationDirectories())
                .containsExactly(Path.of("/etc/gpuslice"), Path.of("/c/gpuslice"));
        assertThat(new Locations(Map.of("HOME", "/root"), 0).configurationDirectories())
                .containsExactly(Path.of("/etc/gpuslice"));
    }
}
