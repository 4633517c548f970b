// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** openapi.yaml, to hold answers against. */
record Description(JsonNode root) {

    private static final JsonSchemaFactory SCHEMAS = JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012);
    private static final SchemaValidatorsConfig STRICT =
            SchemaValidatorsConfig.builder().formatAssertionsEnabled(true).build();

    static Description of(String yaml) {
        return new Description(yaml(yaml));
    }

    static JsonNode yaml(String text) {
        try {
            return new YAMLMapper().readTree(text);
        } catch (JsonProcessingException e) {
            throw new AssertionError(e);
        }
    }

    /** What is wrong with {@code value}; empty: nothing. */
    static Set<String> errors(JsonNode schema, JsonNode value) {
        JsonSchema checking = SCHEMAS.getSchema(schema, STRICT);
        Set<String> errors = new TreeSet<>();
        checking.validate(value).stream().map(ValidationMessage::getMessage).forEach(errors::add);
        return errors;
    }

    /** The same by a schema of this description, which may refer to others. */
    void check(JsonNode schema, JsonNode value, String what) {
        ObjectNode whole = JsonNodeFactory.instance.objectNode();
        whole.setAll((ObjectNode) schema);
        whole.set("components", root.at("/components"));
        assertThat(errors(whole, value)).as("%s: %s", what, value).isEmpty();
    }

    JsonNode schema(String name) {
        JsonNode schema = root.at("/components/schemas/" + name);
        assertThat(schema.isObject()).as(name).isTrue();
        return schema;
    }

    /** Each operation by what an endpoint calls it. */
    Map<String, JsonNode> operations() {
        Map<String, JsonNode> operations = new TreeMap<>();
        root.at("/paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(each -> {
                    if (!each.getKey().equals("parameters")) {
                        operations.put(each.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey(), each.getValue());
                    }
                }));
        return operations;
    }

    JsonNode operation(Endpoint endpoint) {
        JsonNode operation = operations().get(endpoint.toString());
        assertThat(operation).as(endpoint.toString()).isNotNull();
        return operation;
    }

    /** Those of the path and those of the operation. */
    List<JsonNode> parameters(Endpoint endpoint) {
        List<JsonNode> parameters = new ArrayList<>();
        resolved(root.at("/paths").path(endpoint.path()).path("parameters")).forEach(parameters::add);
        resolved(operation(endpoint).path("parameters")).forEach(parameters::add);
        return parameters;
    }

    private List<JsonNode> resolved(JsonNode list) {
        List<JsonNode> resolved = new ArrayList<>();
        list.forEach(each -> resolved.add(target(each)));
        return resolved;
    }

    /** What a reference refers to; anything else is itself. */
    JsonNode target(JsonNode node) {
        return node.has("$ref") ? root.at(node.get("$ref").asText().substring(1)) : node;
    }

    /** Holds an answer against what is said of it: status, headers, type and content. */
    void check(Endpoint endpoint, Raw answer) throws JsonProcessingException {
        String what = endpoint + " " + answer.status();
        JsonNode response = target(operation(endpoint).at("/responses/" + answer.status()));
        assertThat(response.isObject())
                .as("%s is described: %s", what, answer.body())
                .isTrue();
        response.path("headers").properties().forEach(header -> {
            JsonNode described = target(header.getValue());
            String value = answer.header(header.getKey());
            assertThat(value.isEmpty() && described.path("required").asBoolean())
                    .as("%s lacks %s", what, header.getKey())
                    .isFalse();
            check(described.get("schema"), typed(described, value), what + " " + header.getKey());
        });
        String type = answer.header("Content-Type").replace("; charset=UTF-8", "");
        if (response.has("content")) {
            JsonNode content = response.at("/content").path(type);
            assertThat(content.isObject()).as("%s as %s", what, type).isTrue();
            JsonNode body = type.endsWith("json")
                    ? new ObjectMapper().readTree(answer.body())
                    : TextNode.valueOf(answer.body());
            check(content.get("schema"), body, what);
            assertThat(answer.body()).as(what).isNotEmpty();
        } else {
            assertThat(answer.body()).as(what).isEmpty();
        }
    }

    private static JsonNode typed(JsonNode header, String value) {
        return header.at("/schema/type").asText().equals("integer")
                ? JsonNodeFactory.instance.numberNode(Long.parseLong(value))
                : TextNode.valueOf(value);
    }
}
