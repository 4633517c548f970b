// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.LoadedSettings;
import io.gpuslice.config.LoadedSettings.Value;
import io.gpuslice.config.Settings;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Puts changed settings into force, as far as that is possible without a restart, and says of each what became of it. */
final class Reload {
    private static final Logger LOG = LoggerFactory.getLogger(Reload.class);

    private final Configuration configuration;
    private final Consumer<Settings> adjust;
    private final List<Value> inForce;

    /**
     * For a daemon that runs.
     *
     * @param started what it was started with
     * @param adjust takes those that SIGHUP changes, and leaves the others
     */
    Reload(Configuration configuration, LoadedSettings started, Consumer<Settings> adjust) {
        this.configuration = configuration;
        this.adjust = adjust;
        inForce = new ArrayList<>(started.values());
    }

    /** Reads them anew. Where they make no sense, those in force stay. */
    synchronized void now() {
        try {
            LoadedSettings read = configuration.read();
            configuration.check(read.settings());
            adjust.accept(read.settings());
            if (!say(read.values())) {
                LOG.info("SIGHUP: no setting has changed");
            }
        } catch (InvalidValueException e) {
            e.problems().forEach(problem -> LOG.error("SIGHUP: {}", problem));
            LOG.error("SIGHUP: the settings make no sense, and those that were in force stay: mend what is above");
        }
    }

    /** Whether there was anything to say. */
    private boolean say(List<Value> read) {
        boolean said = false;
        for (int i = 0; i < inForce.size(); i++) {
            Value before = inForce.get(i);
            Value now = read.get(i);
            if (before.isSameAs(now)) {
                continue;
            }
            said = true;
            if (now.isReloaded()) {
                inForce.set(i, now);
                LOG.info(
                        "SIGHUP: {} is {} from now on ({}); it was {}",
                        now.key(),
                        text(now),
                        now.origin(),
                        text(before));
            } else {
                LOG.warn(
                        "SIGHUP: {} is to be {} ({}), and that needs a restart; until then it is {}",
                        now.key(),
                        text(now),
                        now.origin(),
                        text(before));
            }
        }
        return said;
    }

    private static String text(Value value) {
        return value.text().isEmpty() ? "unset" : value.text();
    }
}
