// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.Map;
import java.util.stream.Collectors;
import kamon.metric.Counter;
import kamon.metric.MetricBuilding;
import kamon.metric.MetricRegistry;
import kamon.metric.PeriodSnapshot;
import kamon.metric.Timer;
import kamon.prometheus.PrometheusSettings;
import kamon.prometheus.ScrapeDataBuilder;
import kamon.tag.TagSet;
import kamon.util.Clock;

/**
 * Instruments for the families of the catalogue that count and time, and what they show, in Prometheus's text format. Nothing is ever reset, so
 * that what is read twice has not fallen in between.
 */
final class Instruments {
    /**
     * All that Kamon reads. It is said here and not merged with Kamon's reference.conf: then nobody's file or system property
     * can change a metric, and nothing is parsed that is not needed.
     */
    private static final Config SETTINGS = ConfigFactory.parseString("""
            kamon.metric.factory {
              custom-settings {}
              default-settings {
                counter.auto-update-interval = 1 day
                gauge.auto-update-interval = 1 day
                timer {
                  auto-update-interval = 1 day
                  lowest-discernible-value = 1
                  highest-trackable-value = 3600000000000
                  # two: within a hundredth of the true value
                  significant-value-digits = 2
                }
                histogram = ${kamon.metric.factory.default-settings.timer}
                range-sampler = ${kamon.metric.factory.default-settings.timer}
              }
            }
            kamon.prometheus {
              include-environment-tags = no
              buckets { default-buckets = [], time-buckets = [], information-buckets = [], percentage-buckets = [] }
              summaries { quantiles = [], metrics = [] }
              gauges.metrics = []
            }
            """)
            .resolve()
            .withFallback(ConfigFactory.parseMap(Map.of("kamon.prometheus.buckets.custom", buckets())));

    private final PrometheusSettings.Generic format =
            PrometheusSettings.readSettings(SETTINGS.getConfig("kamon.prometheus"));
    private final MetricRegistry registry = new MetricRegistry(SETTINGS, new Clock.Anchored());
    private final MetricBuilding building = () -> registry;

    private static Map<String, ?> buckets() {
        return Catalogue.ALL.stream()
                .filter(family -> family.kind() == Family.Kind.HISTOGRAM)
                .collect(Collectors.toMap(family -> less(family, "_seconds"), Family::buckets));
    }

    /**
     * One series of a family.
     *
     * @param labels their values, in the family's order
     */
    Counter counter(Family family, String... labels) {
        return building.counter(family.name(), family.help()).withTags(tags(family, labels));
    }

    /** It takes nanoseconds. */
    Timer timer(Family family) {
        return building.timer(less(family, "_seconds"), family.help()).withoutTags();
    }

    /** What they show now. */
    String exposition() {
        PeriodSnapshot now = registry.snapshot(false);
        String text = new ScrapeDataBuilder(format, TagSet.Empty())
                .appendCounters(now.counters())
                .appendHistograms(now.timers())
                .build();
        for (Family family : Catalogue.ALL) {
            if (family.kind() == Family.Kind.HISTOGRAM) {
                text = withSeries(text, family);
            }
        }
        return text;
    }

    /** Kamon shows a histogram only once it has counted something; the rate of what has just appeared is nothing at all. */
    private static String withSeries(String text, Family family) {
        String name = family.name();
        if (text.contains("\n" + name + "_count ")) {
            return text;
        }
        String type = "# TYPE " + name + " histogram\n";
        StringBuilder zeros = new StringBuilder(type);
        family.buckets().forEach(bound -> zeros.append(name + "_bucket{le=\"" + bound + "\"} 0.0\n"));
        zeros.append(name + "_bucket{le=\"+Inf\"} 0.0\n" + name + "_count 0.0\n" + name + "_sum 0.0\n");
        return text.replace(type, zeros);
    }

    /** Kamon takes these suffixes from the unit. */
    private static String less(Family family, String suffix) {
        return family.name().substring(0, family.name().length() - suffix.length());
    }

    /** Made in one go: Kamon keeps a series for every step of a chain of {@code withTag}. */
    private static TagSet tags(Family family, String... values) {
        TagSet.Builder tags = TagSet.builder();
        for (int i = 0; i < values.length; i++) {
            tags.add(family.labels().get(i), values[i]);
        }
        return tags.build();
    }
}
