// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.cdi;

import io.gpuslice.cli.Json;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The rules of the Container Device Interface for the parts of a spec that have no device node and no hook, read from its
 * specification (SPEC.md, version 0.8.0) and not from what writes ours.
 */
final class CdiRules {
    private static final Set<String> RELEASED = Set.of("0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0");
    private static final Pattern DNS_SUBDOMAIN =
            Pattern.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*");
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?");
    private static final Pattern VARIABLE = Pattern.compile("[^=]+=.*", Pattern.DOTALL);

    private final List<String> broken = new ArrayList<>();

    private CdiRules() {}

    /** What is wrong with a spec; nothing: it may be used. */
    static List<String> brokenBy(Json spec) {
        CdiRules rules = new CdiRules();
        rules.spec(spec);
        return rules.broken;
    }

    private void spec(Json spec) {
        only(spec, "the spec", Set.of("cdiVersion", "kind", "annotations", "devices", "containerEdits"));
        String version = spec.text("cdiVersion", "");
        hold(RELEASED.contains(version), "cdiVersion " + version + " was never released");
        kind(spec.text("kind", ""));
        List<Json> devices = spec.objects("devices");
        hold(!devices.isEmpty(), "there must be a device");
        Set<String> names = new HashSet<>();
        for (Json device : devices) {
            String name = device.text("name", "");
            only(device, "device " + name, Set.of("name", "annotations", "containerEdits"));
            hold(NAME.matcher(name).matches(), "device name \"" + name + "\"");
            hold(names.add(name), "device " + name + " twice");
            hold(
                    Character.isLetter(name.charAt(0)) || version.compareTo("0.5.0") >= 0,
                    "device " + name + " begins with a digit, which is from 0.5.0 on");
            hold(!device.object("containerEdits").members().isEmpty(), "device " + name + " edits nothing");
            edits(device.object("containerEdits"), version);
        }
        edits(spec.object("containerEdits"), version);
    }

    private void kind(String kind) {
        String[] segments = kind.split("/", -1);
        hold(segments.length == 2, "kind " + kind + " must be a prefix, a slash and a name");
        hold(DNS_SUBDOMAIN.matcher(segments[0]).matches() && segments[0].length() <= 253, "kind's prefix " + kind);
        String name = segments[segments.length - 1];
        hold(NAME.matcher(name).matches() && name.length() <= 63, "kind's name " + kind);
    }

    private void edits(Json edits, String version) {
        only(edits, "containerEdits", Set.of("env", "mounts"));
        for (String variable : edits.texts("env")) {
            hold(VARIABLE.matcher(variable).matches(), "env " + variable + " must be NAME=VALUE");
        }
        for (Json mount : edits.objects("mounts")) {
            only(mount, "a mount", Set.of("hostPath", "containerPath", "type", "options"));
            for (String end : List.of("hostPath", "containerPath")) {
                hold(mount.text(end, "").startsWith("/"), end + " " + mount.text(end, "") + " must be absolute");
            }
            hold(!mount.has("type") || version.compareTo("0.4.0") >= 0, "a mount's type is from 0.4.0 on");
        }
    }

    private void only(Json object, String what, Set<String> known) {
        object.members().keySet().stream()
                .filter(name -> !known.contains(name))
                .forEach(name -> broken.add(what + " has an unknown field " + name));
    }

    private void hold(boolean holds, String otherwise) {
        if (!holds) {
            broken.add(otherwise);
        }
    }
}
