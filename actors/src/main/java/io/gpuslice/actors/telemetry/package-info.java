// SPDX-License-Identifier: Apache-2.0
/** What the actors say about their work, for the audit log, the metrics and the log. It decides nothing. */
@NullMarked
package io.gpuslice.actors.telemetry;

import org.jspecify.annotations.NullMarked;
