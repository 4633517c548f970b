// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Containers that get what a CDI spec says. Podman's, or made by hand of namespaces and bind mounts; both inside of
 * namespaces of their own, so that nothing of the machine's is changed and that what is started ends with its starter.
 */
final class Containers {
    /** Of this machine's, and enough for the guest programs: the rest of a container's /usr is its own. */
    private static final List<String> SYSTEM = Stream.of("/usr/bin", "/usr/lib64", "/usr/lib/" + triplet())
            .filter(directory -> Files.isDirectory(Path.of(directory)))
            .toList();

    /** Podman reads specs in /run/cdi, too; and crun knows no machine with both kinds of cgroups. */
    private static final String FOR_PODMAN = "mount -t tmpfs none /run && mkdir /run/cdi && cp -p \"$SPEC\" /run/cdi/"
            + " && { umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; } && exec \"$@\"";

    private final Rig rig;
    private final Path root;

    Containers(Rig rig) {
        this.rig = rig;
        this.root = rig.dir.resolve("container");
        try {
            for (String directory : List.of("usr/lib", "etc", "proc", "dev", "sys", "tmp", "run", "var")) {
                Files.createDirectories(root.resolve(directory));
            }
            for (String directory : SYSTEM) {
                Files.createDirectories(root.resolve(directory.substring(1)));
            }
            for (String link : List.of("bin", "lib", "lib64")) {
                Files.createSymbolicLink(root.resolve(link), Path.of("usr", link));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String triplet() {
        return System.getProperty("os.arch").equals("amd64") ? "x86_64-linux-gnu" : "aarch64-linux-gnu";
    }

    /** Ends the test where podman is not installed. */
    static void needPodman() {
        Namespaces.need();
        Needs.that(
                Stream.of(System.getenv("PATH").split(":")).anyMatch(dir -> Files.isExecutable(Path.of(dir, "podman"))),
                "podman is not installed: tools/install-deps installs it as root");
    }

    /**
     * A podman of root's, or of a user's own.
     *
     * @param device as in the spec
     */
    Guest podman(int uid, Path spec, String device, List<String> program) {
        Path own = rig.dir.resolve("podman-" + uid);
        List<String> command = new ArrayList<>(List.of(
                "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", FOR_PODMAN));
        command.addAll(List.of("sh", "setpriv", "--reuid", "" + uid, "--regid", "" + uid, "--clear-groups"));
        command.addAll(List.of("env", "-i", "PATH=" + System.getenv("PATH"), "HOME=" + own, "XDG_RUNTIME_DIR=" + own));
        command.addAll(
                List.of("podman", "--root", own + "/root", "--runroot", own + "/run", "--storage-driver", "vfs"));
        command.addAll(List.of("--cgroup-manager", "cgroupfs", "run", "--rm", "-i", "--device", device));
        // More than these nobody may have who is root in a sandbox only.
        command.addAll(List.of("--network", "none", "--cgroups", "disabled"));
        command.addAll(List.of("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"));
        SYSTEM.forEach(directory -> command.addAll(List.of("-v", directory + ":" + directory + ":ro")));
        command.addAll(List.of("-v", rig.tree.root() + "/build:" + rig.tree.root() + "/build:ro"));
        command.addAll(List.of("-v", card() + ":" + card()));
        forTheCard().forEach(variable -> command.addAll(List.of("-e", variable)));
        command.addAll(List.of("--rootfs", root.toString()));
        command.addAll(program);
        try {
            Files.createDirectory(own);
            for (Path path : List.of(own, root)) {
                chown(uid, path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        var environment = rig.environment();
        environment.put("SPEC", spec.toString());
        return rig.start(command, environment);
    }

    /** What a runtime does, in a user namespace, a pid namespace and a mount namespace. */
    Guest byHand(Path spec, String device, List<String> program) {
        StringBuilder script = new StringBuilder("set -e\ncd '" + root + "'\nmount --bind . .\ncd '" + root + "'\n");
        SYSTEM.forEach(directory -> script.append(bind(directory, directory)));
        script.append(bind(rig.tree.root() + "/build", rig.tree.root() + "/build"));
        script.append(bind(card().toString(), card().toString()));
        List<String> variables = new ArrayList<>(forTheCard());
        for (JsonNode edits : edits(spec, device)) {
            edits.path("mounts")
                    .forEach(mount -> script.append(bind(
                            mount.path("hostPath").asText(),
                            mount.path("containerPath").asText())));
            edits.path("env").forEach(variable -> variables.add(variable.asText()));
        }
        script.append("mount -t proc proc proc\nexec chroot . /usr/bin/env -i \"$@\"\n");
        List<String> command = new ArrayList<>(List.of("unshare", "--user", "--map-root-user", "--mount", "--pid"));
        command.addAll(List.of("--fork", "--kill-child", "sh", "-c", script.toString(), "sh"));
        command.addAll(variables);
        command.addAll(program);
        return rig.start(command, rig.environment());
    }

    /** Of the whole spec, and of the device. */
    private static List<JsonNode> edits(Path spec, String device) {
        try {
            JsonNode json = Rig.json(Files.readString(spec));
            String name = device.substring(device.indexOf('=') + 1);
            return Stream.concat(
                            Stream.of(json),
                            StreamSupport.stream(json.path("devices").spliterator(), false)
                                    .filter(one -> one.path("name").asText().equals(name)))
                    .map(one -> one.path("containerEdits"))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String bind(String here, String inside) {
        String target = "'." + inside + "'";
        String make = Files.isDirectory(Path.of(here))
                ? "mkdir -p " + target
                : "mkdir -p \"$(dirname " + target + ")\" && touch " + target;
        return make + "\nmount --bind '" + here + "' " + target + "\n";
    }

    private static void chown(int uid, Path path) throws IOException {
        try (Stream<Path> all = Files.walk(path)) {
            for (Path one : all.toList()) {
                Files.setAttribute(one, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
            }
        }
    }

    /** The folder with the simulated card, which is everybody's. */
    private Path card() {
        return Path.of(rig.environment().getOrDefault("FAKECUDA_STATE", "")).resolveSibling("");
    }

    private List<String> forTheCard() {
        return rig.environment().entrySet().stream()
                .filter(entry -> entry.getKey().startsWith("FAKECUDA_"))
                .map(entry -> entry.getKey() + "=" + entry.getValue())
                .toList();
    }
}
