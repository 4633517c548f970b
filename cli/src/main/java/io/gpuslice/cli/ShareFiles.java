// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.cli.completion.CompletionScript;
import io.gpuslice.cli.manual.CommandPages;
import io.gpuslice.cli.manual.DaemonPages;
import io.gpuslice.cli.manual.Page;
import io.gpuslice.config.DaemonArguments;
import io.gpuslice.config.SettingText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;

/** Writes what belongs into {@code share/}, when the tree is put together: manual pages and completion scripts. */
final class ShareFiles {
    private static final Map<CompletionScript, String> PLACES = Map.of(
            CompletionScript.BASH, "bash-completion/completions/gpuslice",
            CompletionScript.ZSH, "zsh/site-functions/_gpuslice",
            CompletionScript.FISH, "fish/vendor_completions.d/gpuslice.fish");

    private ShareFiles() {}

    /**
     * Writes them.
     *
     * @param arguments the directory, which need not exist
     */
    public static void main(String... arguments) throws IOException {
        Path share = Path.of(arguments[0]);
        CommandSpec gpuslice = Main.commandLine();
        for (Page page : pages(gpuslice)) {
            write(share.resolve("man").resolve(page.file()), page.toString());
        }
        for (Map.Entry<CompletionScript, String> script : PLACES.entrySet()) {
            write(share.resolve(script.getValue()), script.getKey().of(gpuslice));
        }
    }

    static List<Page> pages(CommandSpec gpuslice) {
        String source = "gpuslice " + AboutVerbs.VERSION;
        List<Page> pages = new ArrayList<>(new CommandPages(
                        gpuslice, source, name -> Verb.named(name).orElseThrow().becomesProgram())
                .all());
        pages.add(new DaemonPages(source).daemon(DaemonArguments.usage()));
        pages.add(new DaemonPages(source).settings(SettingText.all()));
        return pages;
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
