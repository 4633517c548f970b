// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

/**
 * A process of a session that uses the driver past the limit, for people.
 *
 * @param pid as the daemon sees it
 * @param command its command line, arguments separated by blanks; empty if it hides it
 * @param why the limit does not reach it, as far as can be told: a sentence without its full stop
 */
public record Unenforced(int pid, String command, String why) {}
