// SPDX-License-Identifier: Apache-2.0
/**
 * What Prometheus reads. The one place that knows Kamon, and it uses three parts of it: the instruments, a registry, and
 * the text format. The object {@code Kamon} is not used, for three reasons: it takes its configuration from wherever a
 * user may have put one, it starts threads and modules, and it hands out values a tick late. A registry of our
 * own is read when somebody scrapes, so that what a scrape shows is true at that moment.
 *
 * <p>What happens is counted when it happens, in a registry that lives as long as the daemon. What is so at the
 * moment (used, charge, limits, states) is asked for at each scrape and put into a registry that is thrown away with the answer:
 * a session that has ended leaves no series behind.
 */
@NullMarked
package io.gpuslice.http.metrics;

import org.jspecify.annotations.NullMarked;
