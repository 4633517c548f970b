// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/**
 * What a page must match to be the right one when it is found again after a restart.
 *
 * @param dev the memfd's {@code st_dev}
 * @param ino its {@code st_ino}
 * @param size bytes, sealed
 * @param seals {@code F_GET_SEALS}
 * @param pageId the random id in the page's header: 32 characters of {@code [0-9a-f]}
 */
public record PageIdentity(long dev, long ino, long size, int seals, String pageId) {}
