// SPDX-License-Identifier: Apache-2.0
/**
 * What is so now, what has just become so, and what was so within the last hour: for those who stay connected, and for
 * those who come back. It asks the sessions once for everybody, and remembers no more than its documentation says.
 */
@NullMarked
package io.gpuslice.http.live;

import org.jspecify.annotations.NullMarked;
