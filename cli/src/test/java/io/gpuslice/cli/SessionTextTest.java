// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SessionTextTest {
    static final String SESSION = """
            {"id":"0123456789abcdef","name":"train","state":"ACTIVE","uid":1000,
             "leader":{"pid":42,"command":"python train.py"},"created_at":"2026-11-22T10:00:00Z","ttl_left_seconds":5400,
             "strict":true,"keep":false,"limit_bytes":8589934592,"used_bytes":134217728,"charge_bytes":268435456,
             "credit_bytes":134217728,
             "devices":[{"uuid":"GPU-aa","index":0,"limit_bytes":8589934592,"used_bytes":134217728,"charge_bytes":268435456,
               "credit_bytes":134217728}],
             "processes":[{"pid":42,"uid":1000,"command":"python train.py","since":"2026-11-22T10:00:01Z",
               "used_bytes":134217728,"charge_bytes":268435456,"page":"ok"}],
             "counters":{"allocations":7,"frees":3,"denials":1}}""";
    private static final String IDLE =
            "{\"id\":\"ff\",\"name\":\"\",\"state\":\"EXPIRED\",\"leader\":{\"pid\":7},\"limit_bytes\":1048576,"
                    + "\"used_bytes\":0,\"credit_bytes\":0,\"ttl_left_seconds\":null,\"devices\":[],\"processes\":[]}";

    @Test
    void aSessionIsALine() throws Exception {
        assertThat(SessionText.table(List.of(Json.parse(SESSION), Json.parse(IDLE)))
                        .toString())
                .isEqualTo("""
                        ID                NAME   STATE      LIMIT       USED     CREDIT  PROCS    TTL  COMMAND
                        0123456789abcdef  train  ACTIVE   8.0 GiB  128.0 MiB  128.0 MiB      1  1h30m  python train.py
                        ff                -      EXPIRED  1.0 MiB        0 B        0 B      0      -  (pid 7)
                        """);
    }

    @Test
    void aLimitThatAllDevicesHaveIsShownOnceWithTheirNumberAndAnotherAsTyped() throws Exception {
        String two =
                "{\"id\":\"ff\",\"limit_bytes\":2097152,\"devices\":[{\"limit_bytes\":1048576},{\"limit_bytes\":1048576}]}";
        String unequal =
                "{\"id\":\"ff\",\"limit\":\"1MB,1=2MB\",\"limit_bytes\":3145728,\"devices\":[{\"limit_bytes\":1048576},{\"limit_bytes\":2097152}]}";

        assertThat(SessionText.table(List.of(Json.parse(two))).toString()).contains("2 × 1.0 MiB");
        assertThat(SessionText.table(List.of(Json.parse(unequal))).toString()).contains("1MB,1=2MB");
    }

    @Test
    void aProgramsNameCannotTellTheTerminalWhatToDo() throws Exception {
        Json session = Json.parse(SESSION.replace("python train.py", "python \\u001b]0;mine\\u0007\\nID"));

        assertThat(SessionText.table(List.of(session)).toString()).contains("python ?]0;mine??ID");
        assertThat(SessionText.sections(session))
                .contains("python ?]0;mine??ID")
                .doesNotContain("\033", "\007");
    }

    @Test
    void noSessionIsAnEmptyTable() {
        assertThat(SessionText.table(List.of()).toString())
                .isEqualTo("ID  NAME  STATE  LIMIT  USED  CREDIT  PROCS  TTL  COMMAND\n");
    }

    @Test
    void oneSessionIsShownInSections() throws Exception {
        assertThat(SessionText.sections(Json.parse(SESSION))).isEqualTo("""
                        session   0123456789abcdef
                        name      train
                        state     ACTIVE, strict
                        owner     uid 1000
                        created   2026-11-22T10:00:00Z
                        ttl left  1h30m
                        limit     8.0 GiB
                        used      128.0 MiB
                        credit    128.0 MiB

                        DEVICE  UUID      LIMIT       USED     CREDIT
                        0       GPU-aa  8.0 GiB  128.0 MiB  128.0 MiB

                        PID   UID       USED     CHARGE  PAGE  SINCE                 COMMAND
                         42  1000  128.0 MiB  256.0 MiB  ok    2026-11-22T10:00:01Z  python train.py

                        allocations 7, frees 3, denials 1
                        """);
        assertThat(SessionText.sections(Json.parse(IDLE)))
                .contains("no process holds memory now")
                .doesNotContain("DEVICE");
    }

    @Test
    void refusalsAndTheSharesOfProcessesOnSeveralDevicesAreShown() throws Exception {
        Json session = Json.parse("""
                {"id":"ff","reclaimed_bytes":1073741824,
                 "devices":[{"uuid":"GPU-aa","index":0},{"uuid":"GPU-bb","index":-1}],
                 "processes":[{"pid":42,"devices":[
                   {"uuid":"GPU-aa","index":0,"used_bytes":1048576,"charge_bytes":2097152},
                   {"uuid":"GPU-bb","index":-1,"used_bytes":0,"charge_bytes":4096},
                   {"uuid":"GPU-cc","index":2,"used_bytes":0,"charge_bytes":0}]},
                  {"pid":43,"devices":[{"uuid":"GPU-aa","index":0,"used_bytes":4096,"charge_bytes":4096}]}],
                 "refusals":[{"at":"2026-11-22T10:00:01Z","pid":42,"device":"GPU-aa","error_code":"QUOTA_EXCEEDED",
                   "asked_bytes":1073741824,"used_bytes":1048576,"limit_bytes":2097152}],
                 "counters":{"denials":1}}""");
        assertThat(SessionText.sections(session)).contains("""

                        PID  DEVICE     USED   CHARGE
                         42  0       1.0 MiB  2.0 MiB
                         42  GPU-bb      0 B  4.0 KiB
                         43  0       4.0 KiB  4.0 KiB

                        REFUSED               PID  DEVICE    ASKED     USED    LIMIT  WHY
                        2026-11-22T10:00:01Z   42  0       1.0 GiB  1.0 MiB  2.0 MiB  QUOTA_EXCEEDED

                        reclaimed 1.0 GiB, denials 1
                        """);
        assertThat(SessionText.sections(Json.parse(SESSION)))
                .doesNotContain("REFUSED")
                .doesNotContain("DEVICE     USED");
    }

    @Test
    void whoTheLimitDoesNotReachIsNamedWithTheReasonAndWhatToDo() throws Exception {
        Json session = Json.parse("""
                {"id":"ff","state":"ACTIVE","strict":true,
                 "unenforced":[{"pid":4733,"command":"/opt/tool --all","why":"its program is static"}]}""");
        assertThat(SessionText.table(List.of(session)).toString())
                .contains("UNENFORCED")
                .doesNotContain("ACTIVE");
        assertThat(SessionText.sections(session))
                .contains("state     ACTIVE, strict, UNENFORCED\n")
                .contains("""

                         PID  UNENFORCED BECAUSE     COMMAND
                        4733  its program is static  /opt/tool --all
                        What these take of the GPU is in no number here""")
                .contains("End them");
        assertThat(SessionText.sections(Json.parse(SESSION))).doesNotContain("UNENFORCED");
    }

    @Test
    void whatIsUsedThoughNoProcessHoldsItIsListed() throws Exception {
        Json session = Json.parse("""
                {"id":"ff","devices":[{"uuid":"GPU-aa","index":0}],
                 "remainders":[{"pid":42,"device":"GPU-aa","bytes":1048576,"reason":"LINGERING"},
                  {"pid":43,"device":"GPU-bb","bytes":4096,"reason":"IMPORTED"}]}""");
        assertThat(SessionText.sections(session)).contains("""

                        ALSO USED  PID  DEVICE     USED
                        lingering   42  0       1.0 MiB
                        imported    43  GPU-bb  4.0 KiB
                        Lingering memory was held by a process that is dead or has become another program""");
    }

    @Test
    void aLeaderThatHasNotTouchedAGpuIsShownByItsCommandLine() throws Exception {
        long pid = ProcessHandle.current().pid();
        String idle = "{\"id\":\"ff\",\"leader\":{\"pid\":%d},\"created_at\":\"%s\",\"processes\":[]}";
        assertThat(SessionText.table(List.of(Json.parse(idle.formatted(pid, "2999-01-01T00:00:00Z"))))
                        .toString())
                .contains("java")
                .doesNotContain("(pid");
        // That process is younger than the session: the leader's pid has gone to another.
        assertThat(SessionText.table(List.of(Json.parse(idle.formatted(pid, "2001-01-01T00:00:00Z"))))
                        .toString())
                .contains("(pid " + pid + ")");
    }

    @Test
    void onATerminalTheLastColumnIsCutToItsWidthButNotToNothing() {
        Table table = new Table("ID", "COMMAND");
        table.row("0123456789", "python train.py --epochs 100");
        assertThat(table.within(24).toString()).isEqualTo("ID          COMMAND\n0123456789  python trai…\n");
        assertThat(table.within(40).toString()).isEqualTo(table.toString());
        assertThat(table.within(3).toString()).endsWith("0123456789  python …\n");
    }

    @Test
    void aProgramsNameCannotPlayWithTheTerminal() {
        Table table = new Table("COMMAND");
        table.row("evil\033[2J\nname");
        assertThat(table.toString()).isEqualTo("COMMAND\nevil?[2J?name\n");
    }

    @Test
    void whatADaemonDoesNotSayIsNoFailure() throws Exception {
        assertThat(SessionText.sections(Json.parse("{}"))).contains("session   ?");
        assertThat(SessionText.table(List.of(Json.parse("{}"))).toString()).contains("?");
    }
}
