// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import io.gpuslice.config.Setting.Trait;
import java.util.List;

/**
 * What people are told of a setting; {@code `…`} in it is what they type.
 *
 * @param key in a file
 * @param value what may be written
 * @param usual what holds if nobody says anything; empty: {@code meaning} says
 * @param reloaded whether SIGHUP puts a new value into force
 */
public record SettingText(
        String key,
        String variable,
        String flag,
        String value,
        String usual,
        String since,
        String meaning,
        boolean reloaded) {

    /** Of all settings, in the order of the catalogue. */
    public static List<SettingText> all() {
        return Catalogue.ALL.stream().map(SettingText::of).toList();
    }

    private static SettingText of(Setting<?> setting) {
        return new SettingText(
                setting.key(),
                setting.variable(),
                setting.flag(),
                setting.type(),
                setting.defaultText(),
                setting.since(),
                setting.meaning(),
                setting.is(Trait.RELOADED));
    }
}
