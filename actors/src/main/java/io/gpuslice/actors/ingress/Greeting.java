// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.actors.process.Peer;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.SessionId;
import java.util.List;

/**
 * A HELLO, and who said it.
 *
 * @param seq of its frame
 * @param peer as the kernel says
 * @param devices in the order that the member's later frames number them by
 */
record Greeting(int seq, SessionId session, Peer peer, ImageId image, String token, List<DeviceId> devices) {}
