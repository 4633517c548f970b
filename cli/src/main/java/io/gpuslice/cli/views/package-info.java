// SPDX-License-Identifier: Apache-2.0
/** The verbs that show what goes on: stats, top, events, logs, wait; and what of the sessions is to be shown. */
@NullMarked
package io.gpuslice.cli.views;

import org.jspecify.annotations.NullMarked;
