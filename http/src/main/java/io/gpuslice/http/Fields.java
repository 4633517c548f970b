// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The members of a JSON object from outside: only those that are known, each of its own type. Null is as good as absent. */
final class Fields {

    private final ObjectNode object;

    /** @param known every name that may be there */
    Fields(ObjectNode object, List<String> known) throws Problem {
        this.object = object;
        for (var names = object.fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!known.contains(name)) {
                throw Problem.badRequest("\"" + name + "\" is unknown here; "
                        + (known.isEmpty() ? "nothing is taken" : "there are " + String.join(", ", known)));
            }
        }
    }

    Optional<String> text(String name) throws Problem {
        Optional<JsonNode> value = value(name);
        if (value.isPresent() && !value.get().isTextual()) {
            throw wrongType(name, "a string", value.get());
        }
        return value.map(JsonNode::textValue);
    }

    String requiredText(String name) throws Problem {
        return text(name).orElseThrow(() -> Problem.badRequest("\"" + name + "\" is missing"));
    }

    /** A size as text, {@code "8GB"}; a whole number is bytes. */
    Optional<String> size(String name) throws Problem {
        Optional<JsonNode> value = value(name);
        if (value.isPresent() && !value.get().isTextual() && !value.get().isIntegralNumber()) {
            throw wrongType(name, "a size such as \"8GB\", or a whole number of bytes", value.get());
        }
        return value.map(JsonNode::asText);
    }

    boolean flag(String name, boolean otherwise) throws Problem {
        Optional<JsonNode> value = value(name);
        if (value.isPresent() && !value.get().isBoolean()) {
            throw wrongType(name, "true or false", value.get());
        }
        return value.map(JsonNode::booleanValue).orElse(otherwise);
    }

    ObjectNode object(String name) throws Problem {
        Optional<JsonNode> value = value(name);
        if (value.isEmpty()) {
            return Json.object();
        }
        if (value.get() instanceof ObjectNode inner) {
            return inner;
        }
        throw wrongType(name, "an object", value.get());
    }

    /** Those of {@code names} that are there, as they are. */
    ObjectNode only(List<String> names) {
        ObjectNode those = Json.object();
        names.forEach(name -> value(name).ifPresent(value -> those.set(name, value)));
        return those;
    }

    private Optional<JsonNode> value(String name) {
        return Optional.ofNullable(object.get(name)).filter(value -> !value.isNull());
    }

    private static Problem wrongType(String name, String wanted, JsonNode value) {
        return Problem.badRequest("\"" + name + "\" must be " + wanted + ", not "
                + value.getNodeType().name().toLowerCase(Locale.ROOT));
    }
}
