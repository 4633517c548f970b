// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import io.gpuslice.actors.Served;
import io.gpuslice.config.DaemonArguments;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.LoadedSettings;
import io.gpuslice.config.Locations;
import io.gpuslice.config.Problems;
import io.gpuslice.config.Settings;
import io.gpuslice.linux.PrivateDirectory;

/**
 * Where this process reads its settings, as often as it is told to. Flags and variables stay what they were; files may
 * have changed.
 */
record Configuration(Locations locations, DaemonArguments given) {
    static Configuration of(DaemonArguments given) {
        return new Configuration(new Locations(System.getenv(), PrivateDirectory.uid()), given);
    }

    /**
     * Reads them.
     *
     * @throws InvalidValueException with a line for everything that makes no sense
     */
    LoadedSettings read() {
        return LoadedSettings.load(locations, given.settings(), given.file());
    }

    /**
     * Looks whether they make sense on this machine: its users, its certificates. What is asked here has loggers, and
     * they are made as the settings say: so not before those have been read.
     *
     * @throws InvalidValueException with a line for everything that does not
     */
    void check(Settings settings) {
        Problems problems = new Problems();
        HttpFace.check(settings, problems);
        problems.collect(() -> Served.of(settings.access(), locations.uid()));
        problems.throwIfAny();
    }
}
