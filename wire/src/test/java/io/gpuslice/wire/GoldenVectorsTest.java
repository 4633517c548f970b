// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The bytes that C makes of the values in each file's comments are the bytes that Java makes of them, and back. */
class GoldenVectorsTest {
    private static final String TOKEN = "00112233445566778899aabbccddeeff".repeat(2);
    private static final String ID = "0123456789abcdef";

    record Vector(String file, int seq, Frame frame) {
        @Override
        public String toString() {
            return file;
        }
    }

    static Stream<Vector> vectors() {
        return Stream.of(
                new Vector(
                        "open",
                        1,
                        new Frame.Open("secret", "0=8GB,1=4GB", "träining", 7200, Abi.FLAG_STRICT | Abi.FLAG_KEEP)),
                new Vector("opened", 1, new Frame.Opened(ID, TOKEN, "the limit, 8.0 GiB, is above device 0's 6.0 GiB")),
                new Vector("join", 2, new Frame.Join("", "0123")),
                new Vector("joined", 2, new Frame.Joined(ID, TOKEN, "")),
                new Vector(
                        "hello",
                        3,
                        new Frame.Hello(
                                ID,
                                TOKEN,
                                "f0e1d2c3b4a5968778695a4b3c2d1e0f",
                                List.of(
                                        UUID.fromString("00010203-0405-0607-8899-aabbccddeeff"),
                                        UUID.fromString("ffeeddcc-bbaa-9988-0706-050403020100")))),
                new Vector(
                        "welcome",
                        3,
                        new Frame.Welcome(Abi.FLAG_STRICT, 268374016, List.of(8589934592L, Long.MAX_VALUE))),
                new Vector("charge", 4, new Frame.Charge(1048576, 1)),
                new Vector("charge-held", 12, new Frame.Charge(2097152, 3, true)),
                new Vector("granted", 0xffffffff, new Frame.Granted(72623859790382856L, 1)),
                new Vector(
                        "denied",
                        5,
                        new Frame.Denied(ErrorCode.SESSION_EXPIRED, 31, 36028797018963967L, 134217727, 134217728)),
                new Vector("freed", 6, new Frame.Freed(1048576, 0x7f0123456000L, 1)),
                new Vector(
                        "share-exported",
                        0,
                        new Frame.Share(
                                Frame.Share.What.EXPORTED,
                                1,
                                4194304,
                                IntStream.rangeClosed(1, Abi.KEY_SIZE)
                                        .mapToObj("%02x"::formatted)
                                        .collect(Collectors.joining()))),
                new Vector(
                        "share-closed",
                        0,
                        new Frame.Share(
                                Frame.Share.What.CLOSED, 0, 0, "0f000000000000009210000000000000" + "00".repeat(48))),
                new Vector("heard", 8, new Frame.Heard()),
                new Vector("query", 7, new Frame.Query()),
                new Vector(
                        "status",
                        7,
                        new Frame.Status(
                                Frame.Status.State.EXPIRED,
                                Abi.FLAG_KEEP | Abi.FLAG_NO_LEADER,
                                90061,
                                List.of(
                                        new Frame.Status.Device(8589934592L, 1048576, 2097152),
                                        new Frame.Status.Device(4294967296L, 0, 65536)))),
                new Vector(
                        "status-without-ttl",
                        8,
                        new Frame.Status(
                                Frame.Status.State.ACTIVE,
                                0,
                                Frame.Status.NO_TTL,
                                List.of(new Frame.Status.Device(1073741824, 0, 0)))),
                new Vector("call", 9, new Frame.Call("{\"method\":\"GET\",\"path\":\"/sessions\"}")),
                new Vector("reply", 9, new Frame.Reply("{\"status\":200,\"body\":[]}")),
                new Vector("watch", 10, new Frame.Watch("{\"path\":\"/events\"}")),
                new Vector("event", 10, new Frame.Event("{\"name\":\"träining\"}")),
                new Vector(
                        "error",
                        11,
                        new Frame.ErrorFrame(ErrorCode.UNSUPPORTED_VERSION, "protocol 2.0, not 1.0: update gpuslice")));
    }

    @ParameterizedTest
    @MethodSource("vectors")
    void javaWritesTheBytesOfC(Vector vector) throws IOException {
        assertThat(FrameCodec.encode(vector.frame(), vector.seq())).isEqualTo(Repository.goldenBytes(vector.file()));
    }

    @ParameterizedTest
    @MethodSource("vectors")
    void javaReadsTheBytesOfC(Vector vector) throws IOException {
        Decoded decoded = FrameCodec.decode(ByteBuffer.wrap(Repository.goldenBytes(vector.file())));

        assertThat(decoded.frame()).isEqualTo(vector.frame());
        assertThat(decoded.seq()).isEqualTo(vector.seq());
    }

    @Test
    void everyFrameTypeHasAVectorAndEveryFileIsRead() throws IOException {
        assertThat(vectors().map(vector -> vector.frame().type()).distinct())
                .containsExactlyInAnyOrder(FrameType.values());
        try (Stream<Path> files = Files.list(Repository.golden())) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrderElementsOf(Stream.concat(vectors().map(Vector::file), Stream.of("page"))
                            .map(name -> name + ".hex")
                            .toList());
        }
    }
}
