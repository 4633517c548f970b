// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it.rules;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import io.gpuslice.actors.TokenHash;
import io.gpuslice.actors.ingress.OperatorToken;
import java.security.MessageDigest;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A secret is compared by its hash, in a time that does not tell how much of it was right. */
class TokenComparisonTest {

    @Test
    void theOperatorsTokenIsComparedInConstantTime() {
        assertComparesInConstantTime(method(OperatorToken.class, "matches"));
    }

    @Test
    void aSessionsTokensAreComparedInConstantTime() {
        assertComparesInConstantTime(method(TokenHash.class, "anyMatches"));
    }

    private static JavaMethod method(Class<?> type, String name) {
        return new ClassFileImporter()
                .importClass(type).getMethods().stream()
                        .filter(method -> method.getName().equals(name))
                        .findFirst()
                        .orElseThrow();
    }

    private static void assertComparesInConstantTime(JavaMethod method) {
        List<String> called = method.getMethodCallsFromSelf().stream()
                .map(call -> call.getTargetOwner().getName() + "." + call.getName())
                .toList();
        assertThat(called).contains(MessageDigest.class.getName() + ".isEqual");
        assertThat(called)
                .noneMatch(call -> Set.of("equals", "compareTo", "mismatch", "contains", "startsWith")
                        .contains(call.substring(call.lastIndexOf('.') + 1)));
    }
}
