// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import io.gpuslice.actors.Books;
import io.gpuslice.actors.Register;
import io.gpuslice.actors.SessionEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.pekko.persistence.serialization.MessageFormats.PersistentMessage;

/**
 * Makes a state that a daemon can start from out of one that is damaged. A session whose books are not all there is closed:
 * its programs keep what they have and are refused more, and nobody else can be given what they hold, because a limit is a
 * session's own. So nothing is ever granted that the damage hides.
 */
final class Repair {

    private static final DateTimeFormatter STAMP =
            DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss").withZone(ZoneOffset.UTC);

    private final Path directory;
    private final String bootId;
    private final Consumer<String> out;

    Repair(Path directory, String bootId, Consumer<String> out) {
        this.directory = directory;
        this.bootId = bootId;
        this.out = out;
    }

    void run() throws IOException {
        Optional<VersionFile> version = version();
        // Where nobody can tell, the books may be of living processes.
        boolean isOfThisBoot = version.isEmpty() || version.get().boot().equals(bootId);
        Path fresh = directory.resolve("repaired");
        StateDirectory.delete(fresh);
        SessionList list = list(version);
        if (isOfThisBoot) {
            books(fresh.resolve(StateDirectory.FAST), list);
        }
        try (JournalWriter journal = new JournalWriter(fresh.resolve(StateDirectory.DURABLE))) {
            list.write(journal);
        }
        list.register()
                .sessions()
                .values()
                .forEach(entry -> out.accept(
                        "kept    session " + entry.id() + " (" + entry.name() + "), limit " + entry.limit()));
        Path damaged = exchange(fresh);
        new VersionFile(
                        list.register().state().orElseThrow(),
                        isOfThisBoot ? bootId : version.orElseThrow().boot(),
                        true)
                .write(directory);
        out.accept("what was there is in " + damaged + "; gpusliced can be started");
    }

    private Optional<VersionFile> version() throws IOException {
        try {
            return VersionFile.read(directory);
        } catch (StateException e) {
            out.accept("dropped " + directory.resolve(VersionFile.NAME) + ", which is damaged: it is written anew");
            return Optional.empty();
        }
    }

    private SessionList list(Optional<VersionFile> version) throws IOException {
        Contents durable = Contents.salvage(directory.resolve(StateDirectory.DURABLE));
        durable.scan().files().forEach(problem -> out.accept("damaged " + problem));
        return new SessionList(durable, version.map(VersionFile::id), out);
    }

    /** Takes over the books that are whole, and closes the sessions whose books are not. */
    private void books(Path fresh, SessionList list) throws IOException {
        Contents fast = Contents.salvage(directory.resolve(StateDirectory.FAST));
        fast.scan().files().forEach(problem -> out.accept("damaged " + problem));
        try (JournalWriter journal = new JournalWriter(fresh)) {
            for (Register.Entry entry : List.copyOf(list.register().sessions().values())) {
                String slot = "session-" + entry.slot();
                Optional<String> problem = problem(fast, slot);
                if (problem.isPresent()) {
                    out.accept("closed  session " + entry.id() + " (" + entry.name() + "), limit " + entry.limit()
                            + ": " + problem.get() + "; last known: " + lastKnown(fast, slot));
                    list.close(entry.id());
                } else if (fast.track(slot).last() > 0) {
                    Optional<SnapshotFile> snapshot = fast.snapshot(slot);
                    journal.addSnapshot(snapshot);
                    journal.addMessages(
                            slot,
                            fast.track(slot).snapshot(),
                            List.copyOf(fast.events(slot).values()));
                }
            }
        }
        unlisted(fast, list.register());
    }

    /** Why these books are not all there, if they are not. */
    private static Optional<String> problem(Contents fast, String slot) {
        if (fast.isUnbounded(slot)) {
            return Optional.of("how far its books had come is not known");
        }
        Optional<String> missing = fast.track(slot).problem();
        if (missing.isPresent()) {
            return missing;
        }
        try {
            OfflineState.books(fast, slot);
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    private static String lastKnown(Contents fast, String slot) throws IOException {
        Books books = fast.beginning(slot, Books.class, Books.BLANK);
        for (PersistentMessage message : fast.events(slot).values()) {
            try {
                books = books.apply((SessionEvent) Contents.payload(message));
            } catch (IOException | IllegalStateException | ClassCastException e) {
                // What follows does not fit to what is missing.
                break;
            }
        }
        return OfflineState.describe(books);
    }

    /** Says which processes belong to sessions that the list has lost. */
    private void unlisted(Contents fast, Register register) throws IOException {
        for (String slot : fast.rows().keySet()) {
            if (problem(fast, slot).isPresent()) {
                continue;
            }
            Books books = OfflineState.books(fast, slot);
            boolean isListed = books.tenant().isEmpty()
                    || register.sessions().containsKey(books.tenant().get())
                    || register.closed().contains(books.tenant().get());
            if (!isListed && !books.ledger().members().isEmpty()) {
                out.accept("dropped " + OfflineState.describe(books) + ": the list does not know the session any more");
            }
        }
    }

    /** Puts the new journals in the place of the old ones, which are kept. */
    private Path exchange(Path fresh) throws IOException {
        Path damaged = Files.createDirectory(directory.resolve("damaged-" + STAMP.format(Instant.now())));
        for (String name : List.of(VersionFile.NAME, StateDirectory.DURABLE, StateDirectory.FAST)) {
            boolean isReplaced = name.equals(VersionFile.NAME) || Files.exists(fresh.resolve(name));
            if (isReplaced && Files.exists(directory.resolve(name))) {
                Files.move(directory.resolve(name), damaged.resolve(name));
            }
            if (Files.exists(fresh.resolve(name))) {
                Files.move(fresh.resolve(name), directory.resolve(name));
            }
        }
        Files.delete(fresh);
        return damaged;
    }
}
