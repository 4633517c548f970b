// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

/** Whoever answers requests in JSON: a daemon, however it is reached. */
interface Answering extends AutoCloseable {

    /**
     * An answer.
     *
     * @param status as HTTP numbers them
     */
    record Reply(long status, Json body) {}

    /**
     * Asks.
     *
     * @param body without members: none
     * @throws Failure if there is no answer, or none that makes sense; a refusal is an answer
     */
    Reply ask(String method, String path, Json body) throws Failure;

    /** What happens from now on; ends with this. At most one at a time. */
    EventStream watch(String path) throws Failure;

    /** For an answer that is none to what was asked. */
    Failure senseless(String why);

    @Override
    void close();
}
