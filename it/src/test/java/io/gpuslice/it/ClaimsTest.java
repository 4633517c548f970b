// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** docs/claims.md maps what the README claims to tests. */
class ClaimsTest {
    private static final String PAGE = "docs/claims.md";
    /** What is typed, without the remark behind it. */
    private static final Pattern COMMAND =
            Pattern.compile("^ {4}((?:id=\\$\\()?(?:gpuslice|curl|tail) .*?)(?: {2,}#.*)?$", Pattern.MULTILINE);

    private static final Pattern BULLET = Pattern.compile("^\\* .*(?:\\n  .*)*", Pattern.MULTILINE);
    /** Typed by a test, with everything that comes of it. */
    private static final String WALK = "## A refusal, a crash, a restart";

    private final String readme;
    private final Proofs claims;

    ClaimsTest() throws IOException {
        readme = Files.readString(Proofs.root().resolve("README.md"));
        claims = Proofs.in(PAGE);
    }

    @Test
    void everyClaimNamesItsProofAndEveryProofIsATest() {
        claims.assertHeld();
    }

    @Test
    void everyClaimIsInTheReadmesOwnWords() {
        String text = oneLine(readme);
        assertThat(claims.rows())
                .filteredOn(row -> !row.said().startsWith("The table of figures"))
                .allSatisfy(row -> assertThat(text).contains(typed(row.said())));
    }

    @Test
    void noBulletAndNoCommandOfTheReadmeIsLeftOut() {
        List<String> said = claims.rows().stream().map(row -> typed(row.said())).toList();
        List<String> commands = found(COMMAND, readme.substring(0, readme.indexOf(WALK)), 1);
        commands.addAll(found(COMMAND, readme.substring(readme.indexOf("## What operators see")), 1));
        List<String> bullets = found(BULLET, readme, 0);

        assertThat(commands).hasSizeGreaterThan(10).isSubsetOf(said);
        assertThat(bullets)
                .hasSizeGreaterThan(5)
                .allSatisfy(bullet -> assertThat(said)
                        .as("claims of: %s", bullet)
                        .anyMatch(claim -> oneLine(bullet).contains(claim)));
    }

    private static List<String> found(Pattern pattern, String text, int group) {
        return new ArrayList<>(pattern.matcher(text)
                .results()
                .map(match -> match.group(group).strip())
                .toList());
    }

    /** A whole command stands in backquotes there, and without them in the README. */
    private static String typed(String claim) {
        return claim.matches("`[^`]+`") ? claim.substring(1, claim.length() - 1) : claim;
    }

    private static String oneLine(String text) {
        return text.replaceAll("\\s+", " ");
    }
}
