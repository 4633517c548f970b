// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.page.Pages;
import io.gpuslice.actors.process.PidWatcher;
import io.gpuslice.actors.telemetry.Telemetry;
import java.util.concurrent.Executor;
import java.util.random.RandomGenerator;
import org.apache.pekko.actor.typed.ActorRef;

/**
 * The world outside the sessions.
 *
 * @param random where ids and tokens come from: a secure one outside tests
 * @param blocking runs what may block, away from the event loop
 * @param pidWatcher tells of deaths
 * @param census tells who belongs to a session besides its members
 * @param shares brings processes together that share memory
 * @param telemetry hears of everything that is decided
 */
public record Ports(
        Pages pages,
        ProcessTable processes,
        Clock clock,
        RandomGenerator random,
        Executor blocking,
        ActorRef<PidWatcher.Command> pidWatcher,
        ActorRef<Census.Command> census,
        ActorRef<Shares.Command> shares,
        Telemetry telemetry) {}
