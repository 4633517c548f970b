// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.Sizes;
import java.util.Map;
import java.util.Optional;
import java.util.Stack;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * {@code --count-context[=SIZE]}: whether the program's contexts count, too, and with how much each. The library reads
 * it out of the environment.
 */
final class ContextCount {
    static final String OPTION = "--count-context";

    private static final String VARIABLE = "GPUSLICE_COUNT_CONTEXT";
    private static final String MEASURED = "measured";

    private ContextCount() {}

    static OptionSpec option() {
        return OptionSpec.builder(OPTION)
                .arity("0..1")
                .type(String.class)
                .paramLabel("SIZE")
                .preprocessor(new AttachedOnly())
                .description(
                        "Count also what each process's context takes on each GPU: SIZE, or as much as is measured.")
                .build();
    }

    /**
     * For the program.
     *
     * @param typed the option's value; none: the option was not there, and what the user's environment says stays
     */
    static Environ in(Environ environ, Optional<String> typed) throws Failure {
        if (typed.isEmpty()) {
            return environ;
        }
        try {
            String size = typed.get();
            return environ.with(VARIABLE, size.equals(MEASURED) ? MEASURED : Long.toString(Sizes.parse(size)));
        } catch (InvalidValueException e) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    OPTION + ": " + e.getMessage(),
                    "without a size, what a context takes is measured");
        }
    }

    /** Without it the option would take for its size what stands behind it: the program. */
    private static final class AttachedOnly implements IParameterPreprocessor {
        @Override
        public boolean preprocess(
                Stack<String> arguments, CommandSpec command, ArgSpec option, Map<String, Object> info) {
            if (!"=".equals(info.get("separator"))) {
                arguments.push(MEASURED);
            }
            return false;
        }
    }
}
