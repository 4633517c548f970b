// SPDX-License-Identifier: Apache-2.0
/**
 * The handlers that answer questions about sessions, as JSON, whether they come by {@code CALL} frame
 * or by HTTP.
 */
@NullMarked
package io.gpuslice.http;

import org.jspecify.annotations.NullMarked;
