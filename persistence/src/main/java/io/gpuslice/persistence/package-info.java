// SPDX-License-Identifier: Apache-2.0
/**
 * How events and snapshots are written and read again: the two LevelDB journals, the serializers and
 * the checks made before a state directory is trusted.
 */
@NullMarked
package io.gpuslice.persistence;

import org.jspecify.annotations.NullMarked;
