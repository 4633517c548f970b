// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.Locations;
import io.gpuslice.config.Settings;
import io.gpuslice.linux.Accounts;
import io.gpuslice.linux.MachineDaemon;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Whom a daemon serves besides its own user and root.
 *
 * @param everybody whoever it is
 * @param users uids
 * @param groups gids
 * @param admins gids of those who may do what root may
 */
public record Served(boolean everybody, Set<Integer> users, Set<Integer> groups, Set<Integer> admins) {

    /** A user's own daemon. */
    public static final Served NOBODY_ELSE = new Served(false, Set.of(), Set.of(), Set.of());

    private static final int ROOT = 0;

    public Served {
        users = Set.copyOf(users);
        groups = Set.copyOf(groups);
        admins = Set.copyOf(admins);
    }

    /**
     * Those whom the settings name.
     *
     * @param daemonUid the daemon's own user
     * @throws InvalidValueException if a name is nobody's, or the daemon is neither root's nor the machine's: programs
     *     trust a limit of their own user and of these alone
     */
    public static Served of(Settings.Access access, int daemonUid) {
        boolean everybody = access.users().contains(Settings.Access.EVERYBODY);
        List<String> users = access.users().stream()
                .filter(name -> !name.equals(Settings.Access.EVERYBODY))
                .toList();
        Served served = new Served(
                everybody,
                numbers("access.users", "user", users, Accounts::uid),
                numbers("access.groups", "group", access.groups(), Accounts::gid),
                numbers("access.admins", "group", access.admins(), Accounts::gid));
        if (served.isSomebody() && daemonUid != ROOT && !MachineDaemon.isOf(daemonUid, Locations.SYSTEM_DIRECTORY)) {
            throw new InvalidValueException("access.users, access.groups and access.admins are for a daemon of root,"
                    + " or of the owner of " + Locations.SYSTEM_DIRECTORY + ", and this one is uid " + daemonUid
                    + "'s: start it as root, or leave them out to serve that user alone");
        }
        return served;
    }

    /** Whether others than the daemon's user and root have to reach the socket. */
    public boolean isSomebody() {
        return everybody || !users.isEmpty() || !groups.isEmpty() || !admins.isEmpty();
    }

    boolean includes(Caller caller) {
        return everybody
                || users.contains(caller.uid())
                || !Collections.disjoint(groups, caller.gids())
                || hasAdmin(caller);
    }

    /** Whether the caller may do what root may. */
    boolean hasAdmin(Caller caller) {
        return !Collections.disjoint(admins, caller.gids());
    }

    private static Set<Integer> numbers(
            String key, String what, List<String> names, Function<String, OptionalInt> known) {
        return names.stream()
                .map(name -> name.matches("\\d{1,9}")
                        ? Integer.parseInt(name)
                        : known.apply(name)
                                .orElseThrow(() -> new InvalidValueException(key + ": there is no " + what + " \""
                                        + name + "\" on this machine: write its name or its number")))
                .collect(Collectors.toSet());
    }
}
