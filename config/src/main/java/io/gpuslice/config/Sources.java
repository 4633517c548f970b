// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.util.Map;

/** The places a setting may come from, strongest first. An empty variable counts as unset, as everywhere in gpuslice. */
record Sources(Map<String, String> flags, Map<String, String> environment, Config files) {
    /**
     * What somebody has written.
     *
     * @param origin the flag, the variable, the file with the line, or {@link #DEFAULT}
     */
    record Given(String text, String origin) {}

    static final String DEFAULT = "default";

    <T> T get(Setting<T> setting) {
        Given given = given(setting);
        return setting.parse(given.text(), given.origin());
    }

    Given given(Setting<?> setting) {
        String flag = flags.get(setting.key());
        if (flag != null) {
            return new Given(flag, setting.flag());
        }
        String variable = environment.get(setting.variable());
        if (variable != null && !variable.isEmpty()) {
            return new Given(variable, setting.variable());
        }
        if (files.hasPath(setting.key())) {
            return new Given(
                    text(setting), files.getValue(setting.key()).origin().description());
        }
        return new Given(setting.defaultText(), DEFAULT);
    }

    private String text(Setting<?> setting) {
        try {
            return files.getString(setting.key());
        } catch (ConfigException.WrongType e) {
            throw new InvalidValueException(
                    files.getValue(setting.key()).origin().description() + ": " + setting.key()
                            + ": a list or a section is not what it takes: " + setting.type());
        }
    }
}
