// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Context;
import io.gpuslice.cli.Failure;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jline.terminal.Attributes;
import org.jline.terminal.Size;
import org.jline.terminal.Terminal;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.TerminalBuilder;
import org.jline.utils.AttributedString;
import org.jline.utils.Display;
import org.jline.utils.InfoCmp.Capability;

/** The terminal of {@code top}: the only place that knows JLine, which no other verb loads. */
final class TopTerminal {
    /** How soon a resized window is drawn anew. */
    private static final long LONGEST_WAIT = 100;

    private final Context context;
    private final TopData data;
    private final Duration between;
    private final TopModel model = new TopModel();
    private volatile boolean interrupted;

    TopTerminal(Context context, TopData data, Duration between) {
        this.context = context;
        this.data = data;
        this.between = between;
    }

    /** Until somebody quits; then the screen is as it was before. */
    void run() throws Failure {
        try (Terminal terminal =
                TerminalBuilder.builder().system(true).provider("ffm").build()) {
            if (Terminal.TYPE_DUMB.equals(terminal.getType()) || Terminal.TYPE_DUMB_COLOR.equals(terminal.getType())) {
                throw new Failure(
                        "this terminal (TERM=" + context.environment().getOrDefault("TERM", "")
                                + ") has no cursor to move",
                        "set TERM to what it is, or use `gpuslice stats`");
            }
            terminal.handle(Signal.INT, _ -> interrupted = true);
            Attributes before = terminal.enterRawMode();
            terminal.puts(Capability.enter_ca_mode);
            terminal.puts(Capability.cursor_invisible);
            try {
                loop(terminal);
            } finally {
                terminal.puts(Capability.cursor_visible);
                terminal.puts(Capability.exit_ca_mode);
                terminal.setAttributes(before);
                terminal.flush();
            }
        } catch (IOException e) {
            throw new Failure("the terminal does not answer: " + e.getMessage(), "`gpuslice stats` needs none");
        }
    }

    private void loop(Terminal terminal) throws IOException {
        Display display = new Display(terminal, true);
        Size drawn = new Size();
        long next = System.nanoTime();
        while (!interrupted) {
            if (System.nanoTime() - next >= 0) {
                data.look(model);
                next = System.nanoTime() + between.toNanos();
            }
            Size size = terminal.getSize();
            if (!size.equals(drawn)) {
                display.clear();
                display.resize(size.getRows(), size.getColumns());
                drawn = size;
            }
            draw(display, size);
            long wait = Math.clamp((next - System.nanoTime()) / 1_000_000, 1, LONGEST_WAIT);
            int key = Key.next(milliseconds -> terminal.reader().read(milliseconds), wait);
            if (key != Key.NONE) {
                Optional<TopModel.Effect> effect = model.key(key);
                if (effect.isPresent() && effect.get() instanceof TopModel.Effect.Quit) {
                    return;
                }
                effect.ifPresent(data::begin);
            }
        }
    }

    private void draw(Display display, Size size) {
        TopScreen screen = new TopScreen(
                size.getColumns(), size.getRows(), Glyphs.of(context.environment()), context.colourOnOut());
        // A list that it may change: it keeps it, to send next time nothing but what is different.
        List<AttributedString> lines = new ArrayList<>();
        for (String line : screen.lines(model)) {
            lines.add(AttributedString.fromAnsi(line).columnSubSequence(0, size.getColumns()));
        }
        display.update(lines, 0);
    }
}
