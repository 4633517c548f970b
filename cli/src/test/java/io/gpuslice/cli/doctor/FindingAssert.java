// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.cli.doctor.Finding.Verdict;

/** What tests say of findings. */
final class FindingAssert {
    private final Finding finding;

    private FindingAssert(Finding finding) {
        this.finding = finding;
    }

    static FindingAssert that(Finding finding) {
        return new FindingAssert(finding);
    }

    void isOk(String... saying) {
        is(Verdict.OK, saying);
        assertThat(finding.fix()).isEmpty();
    }

    void isSkipped(String... saying) {
        is(Verdict.SKIP, saying);
        assertThat(finding.fix()).isEmpty();
    }

    /** Its fix included in what is said. */
    void warns(String... saying) {
        is(Verdict.WARN, saying);
    }

    /** The same; and there is a fix. */
    void fails(String... saying) {
        is(Verdict.FAIL, saying);
        assertThat(finding.fix()).isNotEmpty();
    }

    private void is(Verdict verdict, String... saying) {
        assertThat(finding.verdict()).as(finding.toString()).isEqualTo(verdict);
        assertThat(finding.text() + "\n" + finding.fix()).contains(saying);
    }
}
