// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AccountsTest {

    @Test
    void aNameStandsForItsNumber() {
        assertThat(Accounts.uid("root")).hasValue(0);
        assertThat(Accounts.gid("root")).hasValue(0);
        assertThat(Accounts.uid("nobody")).isPresent();
    }

    @Test
    void aNameThatIsNobodysStandsForNothing() {
        assertThat(Accounts.uid("no-such-user-here")).isEmpty();
        assertThat(Accounts.gid("no-such-group-here")).isEmpty();
    }
}
