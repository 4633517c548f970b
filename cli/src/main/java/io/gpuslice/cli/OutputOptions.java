// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

/**
 * How something is to be shown.
 *
 * @param json for machines, else a table for people
 * @param quiet ids alone, and no notes
 */
public record OutputOptions(boolean json, boolean quiet) {}
