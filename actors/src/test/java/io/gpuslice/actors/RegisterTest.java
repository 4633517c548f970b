// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.domain.Limits;
import io.gpuslice.domain.SessionId;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RegisterTest {

    private static final SessionId ID = new SessionId("0123456789abcdef");

    @Test
    void aSessionThatIsJoinedForYearsKeepsItsFirstTokenAndTheYoungest() {
        Register register =
                Register.BLANK.apply(new SessionsEvent.Founded("state")).apply(opened());

        for (int i = 1; i <= Register.KEPT_TOKENS; i++) {
            register = register.apply(new SessionsEvent.TokenAdded(ID, TokenHash.of("token " + i)));
        }

        assertThat(register.entry(ID).tokens())
                .hasSize(Register.KEPT_TOKENS)
                .startsWith(TokenHash.of("first"), TokenHash.of("token 2"))
                .endsWith(TokenHash.of("token " + Register.KEPT_TOKENS));
    }

    private static SessionsEvent.Opened opened() {
        return new SessionsEvent.Opened(
                ID,
                0,
                "",
                1000,
                "64MB",
                new Limits(64 << 20, Map.of()),
                Optional.empty(),
                Optional.empty(),
                TokenHash.of("first"),
                0,
                Instant.EPOCH);
    }
}
