// SPDX-License-Identifier: Apache-2.0

/**
 * What {@code gpuslice doctor} looks at, and what it makes of it. It knows nothing of the command line: the machine is
 * handed to it, so that each verdict can be provoked on any machine. The verb itself is {@code DoctorVerb}.
 */
@NullMarked
package io.gpuslice.cli.doctor;

import org.jspecify.annotations.NullMarked;
