// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import io.gpuslice.actors.telemetry.Telemetry;
import java.util.concurrent.CompletionStage;

/** The daemon's metrics: fed by what happens, read by Prometheus. docs/metrics.md lists them. */
public interface Metrics {
    /** Media type of what {@link #scrape} gives: the text format that every Prometheus reads. */
    String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

    /** Hears what is counted and timed. */
    Telemetry telemetry();

    /**
     * All metrics as they are now, or a moment ago where somebody else has just asked.
     *
     * @return fails where the sessions cannot be listed: no answer is better than one in which sessions are missing
     */
    CompletionStage<String> scrape();
}
