// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import org.apache.pekko.event.LoggingAdapter;
import org.apache.pekko.http.ParsingErrorHandler;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.scaladsl.model.ErrorInfo;
import org.apache.pekko.http.scaladsl.model.StatusCode;
import org.apache.pekko.http.scaladsl.settings.ServerSettings;

/** What is no HTTP, or too long, is answered like any other bad request. Pekko HTTP makes one by its name. */
public final class ParseErrors extends ParsingErrorHandler {

    /** Nothing is logged: anybody can send nonsense, as often as they like. */
    @Override
    public HttpResponse handle(StatusCode status, ErrorInfo error, LoggingAdapter log, ServerSettings settings) {
        return Responses.problem(Problem.badRequest(status.intValue(), error.summary()));
    }
}
