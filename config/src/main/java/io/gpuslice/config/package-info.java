// SPDX-License-Identifier: Apache-2.0
/**
 * Settings: one typed tree over Typesafe config, the sizes in which limits are given, and the
 * catalogue from which the reference page is made. Knows no actor, no socket and no kernel call.
 */
@NullMarked
package io.gpuslice.config;

import org.jspecify.annotations.NullMarked;
