// SPDX-License-Identifier: Apache-2.0

/**
 * The manual pages, made of what {@code --help} is made of: the model of the command line, the daemon's help and the
 * catalogue of its settings.
 */
@NullMarked
package io.gpuslice.cli.manual;

import org.jspecify.annotations.NullMarked;
