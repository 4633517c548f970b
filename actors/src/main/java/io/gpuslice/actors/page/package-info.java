// SPDX-License-Identifier: Apache-2.0
/** The ledger pages of the members of sessions. */
@NullMarked
package io.gpuslice.actors.page;

import org.jspecify.annotations.NullMarked;
