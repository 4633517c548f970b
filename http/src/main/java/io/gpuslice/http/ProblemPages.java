// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.wire.ErrorCode;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.Collectors;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;

/**
 * What the {@code type} of a problem leads to: the part of the runbook, docs/operations.md, that is about its error code.
 * That page has a heading for each.
 */
final class ProblemPages {

    /** One page, written in two ways. */
    private record Page(Document markdown, Document html) {
        HttpResponse answer(Format format, HttpRequest http) {
            return (format == Format.HTML ? html : markdown).answer(http);
        }
    }

    private final Page list;
    private final Map<String, Page> pages = new HashMap<>();

    ProblemPages() {
        String runbook = Document.resource("operations.md");
        list = written(list());
        for (ErrorCode code : ErrorCode.values()) {
            pages.put(Problem.slug(code), written(about(code, runbook)));
        }
    }

    private static String list() {
        return Arrays.stream(ErrorCode.values())
                .map(code ->
                        "* [`" + code + "`](" + Problem.PAGES + Problem.slug(code) + "): " + code.description() + "\n")
                .collect(Collectors.joining("", "# What gpuslice refuses, and why\n\n", ""));
    }

    private static String about(ErrorCode code, String runbook) {
        String heading = "### `" + code + "`\n";
        int from = runbook.indexOf(heading);
        if (from < 0) {
            throw new IllegalStateException("the runbook has nothing about " + code);
        }
        String rest = runbook.substring(from + heading.length());
        int end = rest.indexOf("\n##");
        return "# `" + code + "`: " + code.description() + "\n" + rest.substring(0, end)
                + "\nOf all of them: [what is refused](/problems).\n";
    }

    private static Page written(String markdown) {
        return new Page(new Document(Format.MARKDOWN, markdown), new Document(Format.HTML, html(markdown)));
    }

    private static String html(String markdown) {
        return """
                <!DOCTYPE html>
                <html lang="en">
                <head>
                <meta charset="utf-8">
                <meta name="viewport" content="width=device-width">
                <meta name="color-scheme" content="light dark">
                <title>%s</title>
                </head>
                <body>
                <main>
                %s
                </main>
                </body>
                </html>
                """.formatted(title(markdown), Markdown.html(markdown));
    }

    private static String title(String markdown) {
        return "gpuslice: "
                + markdown.lines()
                        .findFirst()
                        .orElseThrow()
                        .replaceAll("[#`]", "")
                        .strip();
    }

    /** All of them in short. */
    HttpResponse list(Format format, HttpRequest http) {
        return list.answer(format, http);
    }

    /** @param code as it stands in the address */
    CompletionStage<HttpResponse> about(String code, Format format, HttpRequest http) {
        Page page = pages.get(code);
        return page == null
                ? CompletableFuture.failedFuture(
                        Problem.badRequest(404, "no problem is called \"" + code + "\": /problems lists them"))
                : CompletableFuture.completedFuture(page.answer(format, http));
    }
}
