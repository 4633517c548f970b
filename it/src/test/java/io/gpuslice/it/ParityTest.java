// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** What docs/parity.md names as proof is a test that there is. */
class ParityTest {

    @Test
    void everyPromiseNamesItsProofAndEveryProofIsATest() throws IOException {
        Proofs.in("docs/parity.md").assertHeld();
    }

    @Test
    void aMethodThatIsNoTestIsNoProof() {
        assertThat(Proofs.isTest("ParityTest", "aMethodThatIsNoTestIsNoProof")).isTrue();
        assertThat(Proofs.isTest("Proofs", "assertHeld")).isFalse();
        assertThat(Proofs.isTest("ParityTest", "noSuchMethod")).isFalse();
        assertThat(Proofs.isTest("NoSuchTest", "aMethodThatIsNoTestIsNoProof")).isFalse();
        assertThat(Proofs.isTestFunction("bars_test", "test_what_was_not_measured_is_not_judged"))
                .isTrue();
        assertThat(Proofs.isTestFunction("bars_test", "verdicts_of")).isFalse();
    }
}
