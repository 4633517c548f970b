// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.page.Pages.MemberPage;
import java.util.HashSet;
import java.util.Set;

/** Pages that were made away from the loop and that nobody has taken yet: their session may end before it hears of them. */
final class FreshPages {

    private final Set<MemberPage> pages = new HashSet<>();
    private boolean closed;

    /** The page as it is handed over; let go at once where nobody will come for it. */
    synchronized MemberPage made(MemberPage page) {
        if (closed) {
            page.close();
        } else {
            pages.add(page);
        }
        return page;
    }

    /** From now on the page is somebody's. */
    synchronized void taken(MemberPage page) {
        pages.remove(page);
    }

    /** Nobody will come. */
    synchronized void close() {
        closed = true;
        pages.forEach(MemberPage::close);
        pages.clear();
    }
}
