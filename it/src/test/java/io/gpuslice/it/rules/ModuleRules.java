// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it.rules;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchRule;
import io.gpuslice.wire.ErrorCode;
import java.lang.foreign.Linker;
import java.time.Clock;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;

/**
 * What each part may know of the others. The arrows of docs/architecture.md, as rules on the compiled classes: the
 * POMs hold them between modules, these hold them between packages and against libraries as well.
 */
final class ModuleRules {

    /** The domain is plain Java: it computes, and is told everything else. */
    static final ArchRule DOMAIN_IS_PURE = classes()
            .that()
            .resideInAPackage("io.gpuslice.domain..")
            .should()
            .onlyDependOnClassesThat(resideInAnyPackage(
                            "io.gpuslice.domain..",
                            "java.lang",
                            "java.lang.annotation",
                            "java.lang.invoke",
                            "java.lang.runtime",
                            "java.math",
                            "java.security",
                            "java.time",
                            "java.util..",
                            "org.jspecify.annotations")
                    .or(belongToAnyOf(ErrorCode.class)))
            .as("the domain knows plain Java and the error codes: no Pekko, no socket, no file");

    /** A decision that looks at the clock itself can be neither replayed nor tested. */
    static final ArchRule DOMAIN_ASKS_NO_CLOCK = noClasses()
            .that()
            .resideInAPackage("io.gpuslice.domain..")
            .should()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethod(System.class, "nanoTime")
            .orShould()
            .callMethod(Instant.class, "now")
            .orShould()
            .callMethod(Clock.class, "systemUTC")
            .as("the domain is told the time");

    static final ArchRule CONFIG_KNOWS_NOTHING = only("config");
    static final ArchRule WIRE_KNOWS_NOTHING = only("wire");
    static final ArchRule LINUX_KNOWS_NOTHING = only("linux");
    static final ArchRule ACTORS_KNOW_THE_DOMAIN = only("actors", "domain", "wire", "linux", "config");
    static final ArchRule PERSISTENCE_KNOWS_THE_ACTORS =
            only("persistence", "actors", "domain", "wire", "linux", "config");
    static final ArchRule HTTP_KNOWS_THE_ACTORS = only("http", "actors", "domain", "wire", "linux", "config");
    static final ArchRule DAEMON_KNOWS_ALL_BUT_THE_CLI =
            only("daemon", "http", "persistence", "actors", "domain", "wire", "linux", "config");
    static final ArchRule CLI_KNOWS_CONFIG_WIRE_AND_LINUX = only("cli", "config", "wire", "linux");

    /** Every class that is loaded is paid at each start of the command line; a screen is opened by one verb alone. */
    static final ArchRule CLI_IS_LIGHT = classes()
            .that()
            .resideInAPackage("io.gpuslice.cli..")
            .and()
            .haveNameNotMatching("io\\.gpuslice\\.cli\\.views\\.TopTerminal.*")
            .should()
            .onlyDependOnClassesThat(resideInAnyPackage(
                    "io.gpuslice..", "java..", "picocli..", "com.fasterxml.jackson.core..", "org.jspecify.annotations"))
            .as("the command line needs picocli, a JSON parser without object mapping, and no other library but where a"
                    + " whole screen is drawn");

    /** The kernel has one door, NVIDIA's management library another; a wrong signature crashes the whole JVM. */
    static final ArchRule NATIVE_CODE_HAS_TWO_DOORS = noClasses()
            .that()
            .resideOutsideOfPackages("io.gpuslice.linux..", "io.gpuslice.actors.device..")
            .should()
            .dependOnClassesThat()
            .areAssignableTo(Linker.class)
            .as("only linux/, and actors.device for NVML, call native code");

    static final ArchRule ONLY_ACTORS_KNOW_NETTY = noClasses()
            .that()
            .resideOutsideOfPackages("io.gpuslice.actors..", "io.gpuslice.daemon..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("io.netty..")
            .as("sockets of the daemon are the actors' business");

    /** So that another library could take its place, and a test none at all. */
    static final ArchRule ONLY_THE_METRICS_KNOW_KAMON = noClasses()
            .that()
            .resideOutsideOfPackages("io.gpuslice.http.metrics..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("kamon..")
            .as("Kamon stays behind the interface Metrics");

    static final ArchRule ONLY_HTTP_SPEAKS_HTTP = noClasses()
            .that()
            .resideOutsideOfPackages("io.gpuslice.http..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.apache.pekko.http..")
            .as("Pekko HTTP stays in http/");

    static final List<ArchRule> ALL = List.of(
            DOMAIN_IS_PURE,
            DOMAIN_ASKS_NO_CLOCK,
            CONFIG_KNOWS_NOTHING,
            WIRE_KNOWS_NOTHING,
            LINUX_KNOWS_NOTHING,
            ACTORS_KNOW_THE_DOMAIN,
            PERSISTENCE_KNOWS_THE_ACTORS,
            HTTP_KNOWS_THE_ACTORS,
            DAEMON_KNOWS_ALL_BUT_THE_CLI,
            CLI_KNOWS_CONFIG_WIRE_AND_LINUX,
            CLI_IS_LIGHT,
            NATIVE_CODE_HAS_TWO_DOORS,
            ONLY_ACTORS_KNOW_NETTY,
            ONLY_THE_METRICS_KNOW_KAMON,
            ONLY_HTTP_SPEAKS_HTTP);

    private ModuleRules() {}

    /** Of all of gpuslice, {@code part} may depend on itself and on {@code known}; of the rest, on what it likes. */
    private static ArchRule only(String part, String... known) {
        DescribedPredicate<JavaClass> ours = resideInAPackage("io.gpuslice..");
        String[] allowed = Arrays.stream(known).map(ModuleRules::packagesOf).toArray(String[]::new);
        return classes()
                .that()
                .resideInAPackage(packagesOf(part))
                .should()
                .onlyDependOnClassesThat(
                        not(ours).or(resideInAPackage(packagesOf(part))).or(resideInAnyPackage(allowed)))
                .as(part + " knows " + (known.length == 0 ? "no other part" : String.join(", ", known)));
    }

    private static String packagesOf(String part) {
        return "io.gpuslice." + part + "..";
    }
}
