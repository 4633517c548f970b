// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.Settings;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ServedTest {

    private static Settings.Access access(List<String> users, List<String> groups, List<String> admins) {
        return new Settings.Access(users, groups, admins, Optional.empty(), Optional.empty(), Optional.empty());
    }

    @Test
    void namesAndNumbersAreUnderstood() {
        assertThat(Served.of(access(List.of("root", "65534", "*"), List.of("root", "50"), List.of("60")), 0))
                .isEqualTo(new Served(true, Set.of(0, 65534), Set.of(0, 50), Set.of(60)));
        assertThat(Served.of(access(List.of(), List.of(), List.of()), 1000)).isEqualTo(Served.NOBODY_ELSE);
    }

    @Test
    void aNameThatIsNobodysIsAReasonNotToStart() {
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> Served.of(access(List.of(), List.of("no-such-group-here"), List.of()), 0))
                .withMessageContaining("access.groups: there is no group \"no-such-group-here\" on this machine");
    }

    @Test
    void onlyADaemonOfRootServesOthers() {
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> Served.of(access(List.of("root"), List.of(), List.of()), 1000))
                .withMessageContaining("this one is uid 1000's: start it as root");
    }
}
