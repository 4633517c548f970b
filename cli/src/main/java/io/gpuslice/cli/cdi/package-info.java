// SPDX-License-Identifier: Apache-2.0
/**
 * What container runtimes are told of sessions: a CDI spec, and its file. Knows neither daemon nor command line.
 */
@NullMarked
package io.gpuslice.cli.cdi;

import org.jspecify.annotations.NullMarked;
