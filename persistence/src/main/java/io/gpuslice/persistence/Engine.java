// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.nio.file.Path;
import org.fusesource.leveldbjni.JniDBFactory;
import org.iq80.leveldb.DB;
import org.iq80.leveldb.DBFactory;
import org.iq80.leveldb.Options;
import org.iq80.leveldb.impl.Iq80DBFactory;

/** Which LevelDB keeps the journals. Both read the same files. */
enum Engine {
    /** In C++: fast and small, on x86-64 alone. */
    NATIVE,
    /** In Java: everywhere. */
    JAVA;

    /** The native one where it can be loaded. */
    static Engine best() {
        try {
            // The library is loaded when the class is initialised.
            Class.forName(JniDBFactory.class.getName());
            return NATIVE;
        } catch (LinkageError | ClassNotFoundException e) {
            return JAVA;
        }
    }

    /**
     * Makes an empty journal.
     *
     * @throws IOException with the engine's own words
     */
    void create(Path directory) throws IOException {
        open(directory, true).close();
    }

    /**
     * Opens a journal, and closes it again.
     *
     * @throws IOException with the engine's own words, if it cannot be opened
     */
    void verify(Path directory) throws IOException {
        open(directory, false).close();
    }

    /** @throws IOException with the engine's own words */
    DB open(Path directory, boolean create) throws IOException {
        DBFactory factory = this == NATIVE ? JniDBFactory.factory : Iq80DBFactory.factory;
        try {
            return factory.open(directory.toFile(), new Options().createIfMissing(create));
        } catch (RuntimeException e) {
            // The engine in Java throws what its checks throw.
            throw new IOException(e.getMessage(), e);
        }
    }
}
