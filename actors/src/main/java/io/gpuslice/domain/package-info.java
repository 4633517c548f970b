// SPDX-License-Identifier: Apache-2.0
/**
 * The rules of a limit as plain values: ledger, limits, members, decisions with their numbers. Pure:
 * no Pekko, no socket, no clock, no file.
 */
@NullMarked
package io.gpuslice.domain;

import org.jspecify.annotations.NullMarked;
