// SPDX-License-Identifier: Apache-2.0
/**
 * The wire and the ledger page as {@code gpuslice_abi.h} defines them: frames, error codes and the
 * layout of the page that the interposer and the daemon share. Bytes in, bytes out; nothing here opens
 * a socket.
 */
@NullMarked
package io.gpuslice.wire;

import org.jspecify.annotations.NullMarked;
