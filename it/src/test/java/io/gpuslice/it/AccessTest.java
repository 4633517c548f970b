// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Who may do what. */
class AccessTest {
    @AutoClose
    private final Rig rig = Rig.idle();

    /** A guest started past the launcher, with a token of the test's choice. */
    private Guest guest(String session, String token) {
        return rig.start(List.of(rig.tree.program("fill").toString()), rig.environmentOf(session, token))
                .finish();
    }

    private String token(String session) {
        return rig.gpuslice("exec", session, "--", "/bin/sh", "-c", "echo $GPUSLICE_IPC_TOKEN")
                .output()
                .strip();
    }

    @Test
    void aSessionsTokenOpensThatSession() {
        rig.daemon();
        String session = rig.create("64MB");

        assertThat(guest(session, token(session)).output()).contains("held=64 refused=2");
    }

    @Test
    void aWrongTokenGetsNothing() {
        rig.daemon();
        String session = rig.create("64MB");
        Guest guest = guest(session, "f".repeat(64));

        assertThat(guest.output()).contains("held=0 refused=2");
        assertThat(guest.errors()).contains("the token does not open session " + session);
    }

    @Test
    void anotherSessionsTokenGetsNothing() {
        rig.daemon();
        String mine = rig.create("64MB");
        String other = rig.create("64MB");

        assertThat(guest(other, token(mine)).output()).contains("held=0 refused=2");
        assertThat(guest("0123456789abcdef", token(mine)).output()).contains("held=0 refused=2");
    }

    @Test
    void withAnOperatorTokenOnlyThoseWhoKnowItOpenSessions() {
        rig.with("GPUSLICE_IPC_TOKEN", "secret");
        rig.daemon();
        Guest allowed = rig.under("64MB", "fill").finish();
        assertThat(allowed.output()).contains("held=64 refused=2");
        assertThat(rig.gpuslice("run", "--limit", "64MB", "--", "/bin/sh", "-c", "echo $GPUSLICE_IPC_TOKEN")
                        .output())
                .as("the program never sees the operator's token")
                .matches("[0-9a-f]{64}");

        rig.with("GPUSLICE_IPC_TOKEN", "guess");
        var refused = rig.run("run", "--limit", "64MB", "--", "/bin/true");
        assertThat(refused.code()).isEqualTo(125);
        assertThat(refused.err()).contains("UNAUTHENTICATED").contains("GPUSLICE_IPC_TOKEN");
    }

    @Test
    void anotherUidReachesNothing() throws Exception {
        Needs.that(
                Files.getAttribute(rig.dir, "unix:uid").equals(0),
                "another uid can be tried by root only: run the tests as root");
        rig.daemon();
        String session = rig.create("64MB");
        // The folder's own permissions would refuse already: open them, so that the daemon itself must.
        Files.setPosixFilePermissions(rig.dir, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(rig.socket(), PosixFilePermissions.fromString("rwxrwxrwx"));
        String token = token(session);
        List<String> nobody = List.of("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups");

        Map<String, String> environment = rig.environmentOf(session, token);
        environment.put("FAKECUDA_STATE", "/tmp/" + rig.dir.getFileName() + "/nobody/card");
        Files.createDirectory(rig.dir.resolve("nobody"));
        Files.setPosixFilePermissions(rig.dir.resolve("nobody"), PosixFilePermissions.fromString("rwxrwxrwx"));
        List<String> fill = new ArrayList<>(nobody);
        fill.add(rig.tree.program("fill").toString());
        Guest guest = rig.start(fill, environment).finish();
        assertThat(guest.output()).as(guest.errors()).contains("held=0 refused=2");

        List<String> ps = new ArrayList<>(nobody);
        ps.addAll(List.of(rig.tree.bin("gpuslice").toString(), "inspect", session));
        Guest listing = rig.start(ps, rig.environment()).finish();
        assertThat(listing.exitCode()).isNotZero();
        assertThat(listing.output()).doesNotContain(session);
    }
}
