// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import io.gpuslice.actors.Books;
import io.gpuslice.actors.Register;
import io.gpuslice.actors.SessionEvent;
import io.gpuslice.actors.SessionsEvent;
import io.gpuslice.config.Sizes;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.linux.LockFile;
import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/** A state directory that no daemon is using, to be looked at, copied out or mended. */
public final class OfflineState implements AutoCloseable {

    static final String LIST = "sessions";

    private final Path directory;
    private final String bootId;
    private final Optional<LockFile> lock;

    private OfflineState(Path directory, String bootId, Optional<LockFile> lock) {
        this.directory = directory;
        this.bootId = bootId;
        this.lock = lock;
    }

    /**
     * Takes the directory.
     *
     * @param bootId the kernel's
     * @throws StateException if there is none, or a daemon is using it; the message has the daemon's pid
     */
    public static OfflineState open(Path directory, String bootId) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw new StateException("there is no state directory " + directory + ": name it with --state-dir");
        }
        // Where nobody can write, no daemon can be.
        return new OfflineState(
                directory,
                bootId,
                Files.isWritable(directory) ? Optional.of(StateDirectory.lock(directory)) : Optional.empty());
    }

    /**
     * Says what can be read and what cannot.
     *
     * @param out gets the lines
     * @return whether all of it can be
     */
    public boolean verify(Consumer<String> out) throws IOException {
        boolean whole = true;
        boolean isOfThisBoot = true;
        try {
            Optional<VersionFile> version = VersionFile.read(directory);
            if (version.isEmpty()) {
                out.accept("BAD   " + directory.resolve(VersionFile.NAME) + " is gone");
                whole = false;
            } else {
                out.accept("ok    " + directory.resolve(VersionFile.NAME) + ": state "
                        + version.get().id());
                isOfThisBoot = version.get().boot().equals(bootId);
            }
        } catch (StateException e) {
            out.accept("BAD   " + directory.resolve(VersionFile.NAME) + " is damaged");
            whole = false;
        }
        whole &= verify(StateDirectory.DURABLE, out);
        if (isOfThisBoot) {
            whole &= verify(StateDirectory.FAST, out);
        } else {
            out.accept("ok    " + directory.resolve(StateDirectory.FAST)
                    + ": of an earlier life of the machine; the next start of the daemon discards it");
        }
        return whole;
    }

    /** Writes every event that LevelDB would read, in the order of each session, as a line of JSON. */
    public void export(Consumer<String> out) throws IOException {
        for (String kind : List.of(StateDirectory.DURABLE, StateDirectory.FAST)) {
            if (Files.isDirectory(directory.resolve(kind).resolve(JournalScan.JOURNAL))) {
                new Export(kind, Contents.salvage(directory.resolve(kind))).write(out);
            }
        }
    }

    /**
     * Drops what cannot be read, so that a daemon can start from the rest. What was there is kept beside it.
     *
     * @param out gets the lines that say what was dropped
     */
    public void repair(Consumer<String> out) throws IOException {
        // Whoever else it belongs to could not start a daemon from what is written here.
        PrivateDirectory.create(directory);
        if (!Files.isWritable(directory)) {
            throw new StateException(directory + " cannot be written: copy it to where it can, and repair the copy");
        }
        if (verify(_ -> {})) {
            out.accept("nothing to repair: " + directory + " is whole");
            return;
        }
        new Repair(directory, bootId, out).run();
    }

    /** Lets others have the directory. */
    @Override
    public void close() throws IOException {
        if (lock.isPresent()) {
            lock.get().close();
        }
    }

    private boolean verify(String kind, Consumer<String> out) throws IOException {
        Path place = directory.resolve(kind);
        if (!Files.isDirectory(place.resolve(JournalScan.JOURNAL))) {
            out.accept("BAD   " + place.resolve(JournalScan.JOURNAL) + " is gone");
            return false;
        }
        Contents contents = Contents.read(place);
        JournalScan scan = contents.scan();
        boolean whole = scan.files().isEmpty();
        scan.files().forEach(problem -> out.accept("BAD   " + problem));
        scan.notes().forEach(note -> out.accept("note  " + note + "; an older one and the events since say the same"));
        for (JournalScan.Track track : scan.tracks().values()) {
            Optional<String> problem = track.problem();
            String text;
            try {
                text = problem.isPresent() ? problem.get() : describe(contents, track);
            } catch (IOException e) {
                problem = Optional.of(e.toString());
                text = String.valueOf(e.getMessage());
            }
            whole &= problem.isEmpty();
            out.accept((problem.isEmpty() ? "ok    " : "BAD   ") + kind + "/" + track.persistenceId() + ": " + text);
        }
        return whole;
    }

    private static String describe(Contents contents, JournalScan.Track track) throws IOException {
        String numbers = "events " + (track.snapshot() == 0 ? "1" : track.snapshot() + " (a snapshot)") + " to "
                + track.last() + "; ";
        return numbers
                + (track.persistenceId().equals(LIST)
                        ? register(contents).sessions().size() + " sessions"
                        : describe(books(contents, track.persistenceId())));
    }

    static Register register(Contents durable) throws IOException {
        return durable.fold(LIST, Register.class, Register.BLANK, SessionsEvent.class, Register::apply);
    }

    static Books books(Contents fast, String persistenceId) throws IOException {
        return fast.fold(persistenceId, Books.class, Books.BLANK, SessionEvent.class, Books::apply);
    }

    /** Whose books they are, and what they say is charged. */
    static String describe(Books books) {
        List<String> charged = new ArrayList<>();
        TreeMap<String, DeviceId> devices = new TreeMap<>();
        books.ledger().devices().forEach(device -> devices.put(device.toString(), device));
        devices.values().forEach(device -> {
            long bytes = books.ledger().charged(device);
            if (bytes > 0) {
                charged.add(Sizes.format(bytes) + " on " + device);
            }
        });
        return "session " + books.tenant().map(Object::toString).orElse("of nobody") + ", processes "
                + books.ledger().members().stream()
                        .map(member -> Integer.toString(member.process().pid()))
                        .toList()
                + ", charged " + (charged.isEmpty() ? "nothing" : String.join(", ", charged));
    }
}
