// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class FrameCodecTest {
    private static final int PAYLOAD = Abi.Frame.SIZEOF;
    private static final UUID DEVICE = UUID.fromString("00010203-0405-0607-8899-aabbccddeeff");

    @Test
    void everyFrameComesBackAsItWas() throws ProtocolException {
        for (int seed = 0; seed < 5_000; seed++) {
            RandomFrames random = new RandomFrames(new Random(seed));
            Frame frame = random.frame();
            int seq = random.anyInt();

            Decoded decoded = FrameCodec.decode(ByteBuffer.wrap(FrameCodec.encode(frame, seq)));

            assertThat(decoded.frame()).as("seed %d", seed).isEqualTo(frame);
            assertThat(decoded.seq()).as("seed %d", seed).isEqualTo(seq);
            assertThat(decoded.header().type()).as("seed %d", seed).isEqualTo(frame.type());
        }
    }

    @Test
    void bytesThatAreNoFrameAreRefusedAndNothingElse() {
        for (int seed = 0; seed < 20_000; seed++) {
            Random random = new Random(seed);
            byte[] bytes = FrameCodec.encode(new RandomFrames(random).frame(), 1);
            for (int i = random.nextInt(8); i >= 0; i--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            try {
                Decoded decoded = FrameCodec.decode(ByteBuffer.wrap(bytes));
                assertThat(decoded.header().length()).as("seed %d", seed).isBetween(PAYLOAD, bytes.length);
            } catch (ProtocolException e) {
                assertThat(e).as("seed %d", seed).hasMessageMatching("(?s).{10,}");
            }
        }
    }

    @Test
    void aFrameIsReadAndWrittenAtTheBuffersPositionWhateverItsByteOrder() throws ProtocolException {
        for (ByteOrder order : List.of(ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN)) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(100).order(order).position(3);
            FrameCodec.encode(new Frame.Charge(7, 1), 8, buffer);
            FrameCodec.encode(new Frame.Query(), 9, buffer);
            assertThat(buffer.position()).isEqualTo(3 + 32 + 16);

            buffer.flip().position(3);
            assertThat(FrameCodec.length(buffer)).isEqualTo(32);
            assertThat(FrameCodec.header(buffer)).isEqualTo(new Header(32, FrameType.CHARGE, Abi.ABI_VERSION, 8));
            assertThat(FrameCodec.decode(buffer).frame()).isEqualTo(new Frame.Charge(7, 1));
            assertThat(FrameCodec.decode(buffer).seq()).isEqualTo(9);
            assertThat(buffer.hasRemaining()).isFalse();
            assertThat(buffer.order()).isEqualTo(order);
        }
    }

    @Test
    void aBufferThatIsTooSmallGetsNothingOfTheFrame() {
        ByteBuffer buffer = ByteBuffer.allocate(31);

        assertThatExceptionOfType(BufferOverflowException.class)
                .isThrownBy(() -> FrameCodec.encode(new Frame.Charge(7, 1), 8, buffer));
        assertThat(buffer.position()).isZero();
        assertThat(buffer.array()).containsOnly(0);
    }

    @Test
    void everyByteOfAFrameIsWritten() {
        byte[] dirty = new byte[1024];
        java.util.Arrays.fill(dirty, (byte) 0xee);
        for (int seed = 0; seed < 200; seed++) {
            Frame frame = new RandomFrames(new Random(seed)).frame();
            byte[] clean = FrameCodec.encode(frame, 5);
            if (clean.length <= dirty.length) {
                ByteBuffer over = ByteBuffer.wrap(dirty.clone());
                FrameCodec.encode(frame, 5, over);
                assertThat(over.flip()).as("seed %d: %s", seed, frame.type()).isEqualTo(ByteBuffer.wrap(clean));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyTruncationOfEveryFrameIsRefused(FrameType type) {
        byte[] whole = FrameCodec.encode(RandomFrames.of(type), 77);
        for (int length = 0; length < whole.length; length++) {
            ProtocolException e = refused(java.util.Arrays.copyOf(whole, length));
            assertThat(e.code()).isEqualTo(ErrorCode.BAD_REQUEST);
            assertThat(e).hasMessageContaining("only " + length + " came");
            assertThat(e.seq()).isEqualTo(length < Abi.Frame.SIZEOF ? 0 : 77);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 15, Abi.MAX_FRAME_SIZE + 1, Integer.MAX_VALUE, -1, Integer.MIN_VALUE})
    void aLengthThatNoFrameHasIsRefusedWithTheNumbers(int length) {
        byte[] bytes = charge();
        put(bytes, Abi.Frame.LENGTH, length);

        assertThat(refused(bytes))
                .hasMessage("a frame of " + Integer.toUnsignedString(length) + " bytes; 16 to 1048576 are possible");
        assertThatExceptionOfType(ProtocolException.class).isThrownBy(() -> FrameCodec.length(ByteBuffer.wrap(bytes)));
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 31, 33, 48})
    void aLengthThatIsNotItsTypesIsRefused(int length) {
        byte[] bytes = java.util.Arrays.copyOf(charge(), 64);
        put(bytes, Abi.Frame.LENGTH, length);

        assertThat(refused(bytes)).hasMessage("CHARGE has 32 bytes; " + length + " were announced");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 20, 0xffff})
    void anUnknownTypeIsRefusedWithItsSeq(int type) {
        byte[] bytes = charge();
        bytes[Abi.Frame.TYPE] = (byte) type;
        bytes[Abi.Frame.TYPE + 1] = (byte) (type >>> 8);

        ProtocolException e = refused(bytes);
        assertThat(e.code()).isEqualTo(ErrorCode.BAD_REQUEST);
        assertThat(e.seq()).isEqualTo(4);
        assertThat(e).hasMessage("frame type " + type + " is unknown");
    }

    @Test
    void anotherMajorVersionIsRefusedBeforeAnythingElseIsBelieved() {
        byte[] bytes = charge();
        put(bytes, Abi.Frame.LENGTH, -1);
        bytes[Abi.Frame.VERSION + 1] = 2;

        ProtocolException e = refused(bytes);
        assertThat(e.code()).isEqualTo(ErrorCode.UNSUPPORTED_VERSION);
        assertThat(e).hasMessageStartingWith("the peer speaks protocol 2.0, this side 1.0: use one release");
    }

    @Test
    void anotherMinorVersionIsWelcome() throws ProtocolException {
        byte[] bytes = charge();
        bytes[Abi.Frame.VERSION] = 9;

        assertThat(FrameCodec.decode(ByteBuffer.wrap(bytes)).header().version()).isEqualTo(0x0109);
    }

    @Test
    void reservedFieldsAreNotLookedAt() throws ProtocolException {
        byte[] bytes = charge();
        put(bytes, Abi.Frame.RESERVED, 0x12345678);
        put(bytes, PAYLOAD + Abi.Charge.FLAGS, ~Abi.CHARGE_HELD);

        assertThat(FrameCodec.decode(ByteBuffer.wrap(bytes)).frame()).isEqualTo(new Frame.Charge(1048576, 1));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 33, -1})
    void aDeviceCountThatCannotBeIsRefused(int count) {
        byte[] hello = FrameCodec.encode(RandomFrames.of(FrameType.HELLO), 1);
        put(hello, PAYLOAD + Abi.Hello.DEVICE_COUNT, count);
        byte[] welcome = FrameCodec.encode(RandomFrames.of(FrameType.WELCOME), 1);
        put(welcome, PAYLOAD + Abi.Welcome.DEVICE_COUNT, count);
        byte[] status = FrameCodec.encode(RandomFrames.of(FrameType.STATUS), 1);
        put(status, PAYLOAD + Abi.Status.DEVICE_COUNT, count);

        for (byte[] bytes : List.of(hello, welcome, status)) {
            assertThat(refused(bytes))
                    .hasMessageEndingWith(
                            ": device_count is " + Integer.toUnsignedString(count) + "; 1 to 32 are possible");
        }
    }

    @Test
    void aDeviceNamedTwiceIsRefused() {
        byte[] hello =
                FrameCodec.encode(new Frame.Hello("id", "token", "0".repeat(32), List.of(DEVICE, new UUID(1, 2))), 1);
        System.arraycopy(hello, PAYLOAD + Abi.Hello.DEVICE_UUIDS, hello, PAYLOAD + Abi.Hello.DEVICE_UUIDS + 16, 16);

        assertThat(refused(hello))
                .hasMessageContaining("device_uuids names a device twice")
                .hasMessageContaining(DEVICE.toString());
    }

    @Test
    void bytesThatNoAllocationHasAreRefused() {
        for (long bytes : new long[] {0, Abi.MAX_BYTES + 1, -1}) {
            byte[] charge = charge();
            ByteBuffer.wrap(charge).order(ByteOrder.LITTLE_ENDIAN).putLong(PAYLOAD, bytes);
            assertThat(refused(charge))
                    .hasMessage("CHARGE: bytes is " + Long.toUnsignedString(bytes)
                            + "; 1 to 36028797018963967 are possible");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {32, -1})
    void aDeviceThatCannotBeIsRefused(int device) {
        byte[] charge = charge();
        put(charge, PAYLOAD + Abi.Charge.DEVICE, device);

        assertThat(refused(charge))
                .hasMessage("CHARGE: device is " + Integer.toUnsignedString(device) + "; 0 to 31 are possible");
    }

    @Test
    void aTextWithoutItsNulIsRefused() {
        byte[] join = FrameCodec.encode(new Frame.Join("", "x"), 1);
        java.util.Arrays.fill(join, PAYLOAD + Abi.Join.SESSION, join.length, (byte) 'x');

        assertThat(refused(join)).hasMessage("JOIN: session is not closed by a NUL within its 64 bytes");
    }

    @Test
    void aTextWithBytesBehindItsNulIsRefused() {
        byte[] join = FrameCodec.encode(new Frame.Join("", "x"), 1);
        join[join.length - 1] = 'y';

        assertThat(refused(join)).hasMessage("JOIN: session has bytes behind its closing NUL");
    }

    @Test
    void bytesThatAreNotUtf8AreRefused() {
        byte[] join = FrameCodec.encode(new Frame.Join("", "x"), 1);
        join[PAYLOAD + Abi.Join.SESSION] = (byte) 0xff;
        byte[] call = FrameCodec.encode(new Frame.Call("{}"), 1);
        call[PAYLOAD] = (byte) 0xff;

        assertThat(refused(join)).hasMessage("JOIN: session is not UTF-8");
        assertThat(refused(call)).hasMessage("CALL: the JSON is not UTF-8");
    }

    @Test
    void aStateThatNobodyKnowsIsRefused() {
        byte[] status = FrameCodec.encode(RandomFrames.of(FrameType.STATUS), 1);
        put(status, PAYLOAD + Abi.Status.STATE, 4);

        assertThat(refused(status)).hasMessage("STATUS: state is 4; 1 to 3 are known");
    }

    @Test
    void anErrorCodeOfANewerVersionIsInternalAndKeepsItsText() throws ProtocolException {
        byte[] error = FrameCodec.encode(new Frame.ErrorFrame(ErrorCode.FORBIDDEN, "no GPUs on Sundays"), 1);
        put(error, PAYLOAD + Abi.ErrorFrame.CODE, 4711);

        assertThat(FrameCodec.decode(ByteBuffer.wrap(error)).frame())
                .isEqualTo(new Frame.ErrorFrame(ErrorCode.INTERNAL, "no GPUs on Sundays"));
    }

    @Test
    void theLongestJsonFitsAndOneByteMoreDoesNot() throws ProtocolException {
        String longest = "x".repeat(Abi.MAX_FRAME_SIZE - Abi.Frame.SIZEOF);

        byte[] bytes = FrameCodec.encode(new Frame.Reply(longest), 1);
        assertThat(bytes).hasSize(Abi.MAX_FRAME_SIZE);
        assertThat(FrameCodec.decode(ByteBuffer.wrap(bytes)).frame()).isEqualTo(new Frame.Reply(longest));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Frame.Reply(longest + "x"))
                .withMessage("JSON of 1048561 bytes; at most 1048560 fit");
        // A euro sign is one char and three bytes.
        assertThatIllegalArgumentException().isThrownBy(() -> new Frame.Reply("€".repeat(350_000)));
    }

    @Test
    void aTextThatDoesNotFitIsRefusedWithTheNumbers() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Frame.Open("", "1GB", "ä".repeat(32), 0, 0))
                .withMessage("name has 64 bytes of UTF-8; at most 63 fit");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Frame.Open("a\0b", "1GB", "", 0, 0))
                .withMessage("token contains a NUL");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Frame.Open("", "1GB", "", -1, 0))
                .withMessage("ttl_seconds is 18446744073709551615; the most is 9223372036854775807");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Frame.Hello("", "", "ABCD".repeat(8), List.of(DEVICE)))
                .withMessageStartingWith("image_id is not 32 lower-case hex digits");
    }

    @Test
    void aListHandedInIsCopied() {
        List<UUID> devices = new ArrayList<>(List.of(DEVICE));
        Frame.Hello hello = new Frame.Hello("", "", "0".repeat(32), devices);
        devices.clear();

        assertThat(hello.devices()).containsExactly(DEVICE);
    }

    @Test
    void noFrameShowsItsTokenAsText() {
        assertThat(List.of(
                        new Frame.Open("secret", "1GB", "", 0, 0),
                        new Frame.Opened("id", "secret", ""),
                        new Frame.Join("secret", "id"),
                        new Frame.Joined("id", "secret", ""),
                        new Frame.Hello("id", "secret", "0".repeat(32), List.of(DEVICE))))
                .noneMatch(frame -> frame.toString().contains("secret"));
    }

    @Test
    void aLongErrorTextIsCutAtACharacterAndShowsIt() {
        Frame.ErrorFrame error = Frame.ErrorFrame.of(ErrorCode.INTERNAL, "a" + "€".repeat(100));

        assertThat(error.text()).startsWith("a€€").endsWith("€…");
        assertThat(error.text().getBytes(StandardCharsets.UTF_8)).hasSizeBetween(229, 231);
        assertThat(Frame.ErrorFrame.of(ErrorCode.INTERNAL, "short\0er").text()).isEqualTo("short er");
        assertThat(Text.fit("x".repeat(231), 232)).isEqualTo("x".repeat(231));
    }

    private static byte[] charge() {
        return FrameCodec.encode(new Frame.Charge(1048576, 1), 4);
    }

    private static void put(byte[] frame, int at, int value) {
        ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
    }

    /** The refusal of {@code bytes}, which leaves the buffer where it was. */
    private static ProtocolException refused(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        ProtocolException e = catchThrowableOfType(ProtocolException.class, () -> FrameCodec.decode(buffer));
        assertThat(e).isNotNull();
        assertThat(buffer.position()).isZero();
        return e;
    }
}
