// SPDX-License-Identifier: Apache-2.0
/** The audit log: every decision and every step of a session, one JSON object a line. docs/audit.md is made of it. */
@NullMarked
package io.gpuslice.daemon.audit;

import org.jspecify.annotations.NullMarked;
