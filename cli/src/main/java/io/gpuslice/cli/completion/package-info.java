// SPDX-License-Identifier: Apache-2.0

/**
 * Completion for shells. The scripts are made of the command line's own model, so that they know what it knows; the
 * names of live sessions and GPUs they ask for when somebody presses the key.
 */
@NullMarked
package io.gpuslice.cli.completion;

import org.jspecify.annotations.NullMarked;
