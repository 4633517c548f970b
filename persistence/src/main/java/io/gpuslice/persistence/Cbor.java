// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.KeyDeserializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.dataformat.cbor.databind.CBORMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import io.gpuslice.actors.TokenHash;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.ShareKey;
import java.io.IOException;
import java.time.Instant;
import java.util.function.Function;

/** How values stand in the stored bytes: records as maps of their components, names of things as text. */
final class Cbor {

    private Cbor() {}

    static ObjectMapper mapper() {
        SimpleModule texts = new SimpleModule("gpuslice");
        text(texts, SessionId.class, SessionId::text, SessionId::new);
        text(texts, ImageId.class, ImageId::hex, ImageId::new);
        text(texts, TokenHash.class, TokenHash::hex, TokenHash::new);
        text(texts, DeviceId.class, DeviceId::toString, DeviceId::valueOf);
        text(texts, ShareKey.class, ShareKey::hex, ShareKey::new);
        text(texts, Instant.class, Instant::toString, Instant::parse);
        key(texts, SessionId.class, SessionId::text, SessionId::new);
        key(texts, DeviceId.class, DeviceId::toString, DeviceId::valueOf);
        key(texts, ProcessId.class, Cbor::text, Cbor::process);
        key(texts, ShareKey.class, ShareKey::hex, ShareKey::new);
        return CBORMapper.builder()
                .addModule(new Jdk8Module())
                .addModule(texts)
                .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
                .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
                .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                .build();
    }

    private static String text(ProcessId process) {
        return process.bootId() + "/" + process.pid() + "/" + process.startTime();
    }

    private static ProcessId process(String text) {
        String[] parts = text.split("/", 3);
        return new ProcessId(parts[0], Integer.parseInt(parts[1]), Long.parseLong(parts[2]));
    }

    private static <T> void text(
            SimpleModule module, Class<T> type, Function<T, String> write, Function<String, T> read) {
        module.addSerializer(type, new JsonSerializer<>() {
            @Override
            public void serialize(T value, JsonGenerator out, SerializerProvider provider) throws IOException {
                out.writeString(write.apply(value));
            }
        });
        module.addDeserializer(type, new JsonDeserializer<>() {
            @Override
            public T deserialize(JsonParser in, DeserializationContext context) throws IOException {
                return read.apply(in.getText());
            }
        });
    }

    private static <T> void key(
            SimpleModule module, Class<T> type, Function<T, String> write, Function<String, T> read) {
        module.addKeySerializer(type, new JsonSerializer<>() {
            @Override
            public void serialize(T value, JsonGenerator out, SerializerProvider provider) throws IOException {
                out.writeFieldName(write.apply(value));
            }
        });
        module.addKeyDeserializer(type, new KeyDeserializer() {
            @Override
            public T deserializeKey(String key, DeserializationContext context) {
                return read.apply(key);
            }
        });
    }
}
