// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;

/**
 * What comes back.
 *
 * @param status as HTTP numbers them
 * @param version of what is shown, where it has one
 */
record Answer(int status, ObjectNode body, Optional<String> version) {
    Answer(int status, ObjectNode body) {
        this(status, body, Optional.empty());
    }

    static Answer ok(ObjectNode body) {
        return new Answer(200, body);
    }

    static Answer ok(ObjectNode body, String version) {
        return new Answer(200, body, Optional.of(version));
    }
}
