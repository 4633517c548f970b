// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it.rules;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import io.gpuslice.domain.fixture.DecidesByTheClock;
import io.gpuslice.domain.fixture.ReadsAFile;
import io.gpuslice.wire.fixture.KnowsTheDomain;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModuleRulesTest {

    private static final JavaClasses PRODUCT = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.gpuslice");

    static final List<ArchRule> rules = ModuleRules.ALL;

    @ParameterizedTest
    @FieldSource("rules")
    void theProductKeepsTheRule(ArchRule rule) {
        rule.check(PRODUCT);
    }

    /** A part that the import has missed would keep every rule. */
    @ParameterizedTest
    @ValueSource(strings = {"config", "wire", "linux", "domain", "actors", "persistence", "http", "daemon", "cli"})
    void theRulesSeeThePart(String part) {
        assertThat(PRODUCT.stream()
                        .filter(type -> type.getPackageName().startsWith("io.gpuslice." + part))
                        .filter(type -> !type.getSimpleName().equals("package-info")))
                .as("classes of %s", part)
                .isNotEmpty();
    }

    @Test
    void theProductIsSeenWithoutItsTests() {
        assertThat(PRODUCT.contain(ModuleRules.class)).isFalse();
    }

    @Test
    void aDomainClassThatReadsAFileIsRejected() {
        assertRejects(ModuleRules.DOMAIN_IS_PURE, ReadsAFile.class);
    }

    @Test
    void aDomainClassThatAsksTheClockIsRejected() {
        assertRejects(ModuleRules.DOMAIN_ASKS_NO_CLOCK, DecidesByTheClock.class);
    }

    @Test
    void aWireClassThatKnowsTheDomainIsRejected() {
        assertRejects(ModuleRules.WIRE_KNOWS_NOTHING, KnowsTheDomain.class);
    }

    private static void assertRejects(ArchRule rule, Class<?> offender) {
        JavaClasses classes = new ClassFileImporter().importClasses(offender);
        assertThatThrownBy(() -> rule.check(classes))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining(rule.getDescription())
                .hasMessageContaining(offender.getSimpleName());
    }
}
