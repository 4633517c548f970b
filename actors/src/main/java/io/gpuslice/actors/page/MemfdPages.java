// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.page;

import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.PageIdentity;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.linux.FileIdentity;
import io.gpuslice.linux.Memfd;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.PageLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Ledger pages in sealed memfds: the guest can write into them, but neither shrink nor grow them under our feet. */
public final class MemfdPages implements Pages {

    private static final Logger log = LoggerFactory.getLogger(MemfdPages.class);

    private final RandomGenerator random;

    /** @param random draws page ids; they must not repeat, but need not be secret */
    public MemfdPages(RandomGenerator random) {
        this.random = random;
    }

    /** What a process's memory map calls the pages that were made for this program. */
    public static String name(ImageId image) {
        return "gpuslice-" + image;
    }

    @Override
    public MemberPage create(ProcessId process, ImageId image, List<DeviceId> devices) throws IOException {
        Memfd memfd = Memfd.create(name(image), Abi.PAGE_SIZE);
        try {
            byte[] id = new byte[16];
            random.nextBytes(id);
            String pageId = HexFormat.of().formatHex(id);
            memfd.seal();
            MemorySegment page = memfd.map();
            PageLayout.initialise(page, devices.size(), pageId, process.pid());
            return new MemfdPage(memfd, page, devices.size(), identity(memfd.identity(), pageId));
        } catch (IOException e) {
            memfd.close();
            throw e;
        }
    }

    @Override
    public Optional<MemberPage> reopen(ProcessId process, List<DeviceId> devices, PageIdentity identity) {
        try {
            Optional<Memfd> found = Memfd.reopen(
                    process.pid(), new FileIdentity(identity.dev(), identity.ino(), identity.size(), identity.seals()));
            return found.isEmpty() ? Optional.empty() : confirmed(found.get(), devices.size(), identity);
        } catch (IOException e) {
            log.warn("The ledger page of {} cannot be looked for: {}", process, e.getMessage());
            return Optional.empty();
        }
    }

    private static Optional<MemberPage> confirmed(Memfd memfd, int devices, PageIdentity identity) throws IOException {
        boolean confirmed = false;
        try {
            MemorySegment page = memfd.map();
            confirmed = PageLayout.isPage(page, devices, identity.pageId());
            return confirmed ? Optional.of(new MemfdPage(memfd, page, devices, identity)) : Optional.empty();
        } finally {
            if (!confirmed) {
                memfd.close();
            }
        }
    }

    private static PageIdentity identity(FileIdentity file, String pageId) {
        return new PageIdentity(file.dev(), file.ino(), file.size(), file.seals(), pageId);
    }
}
