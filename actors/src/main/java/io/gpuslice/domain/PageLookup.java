// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import org.jspecify.annotations.Nullable;

/** Finds the page of a member. */
@FunctionalInterface
public interface PageLookup {
    /**
     * The member's page. Null where it is lost, and where it replaces a lost one and the process has not carried its
     * own numbers over yet: the whole charge then counts as used, and nothing is collected.
     */
    @Nullable
    Page of(ProcessId process);
}
