# SPDX-License-Identifier: Apache-2.0
#
# The front door. Java is built by Maven, C by the Makefiles beside it; this one puts the pieces together.
# Paths handed to the other Makefiles are relative, so that a checkout at a path with blanks works.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

TREE := build/gpuslice
FAKECUDA := build/fakecuda
PROGRAMS := build/programs
DIFFERENTIAL := build/differential

# The modules that end up in the tree; `it` is built by `make test`.
SHIPPED := config wire linux actors persistence http daemon picocli-recompiled cli
# Folders are listed too: theirs is the time stamp that changes when a file is deleted.
JAVA_INPUTS := pom.xml $(wildcard .mvn/*) $(SHIPPED:=/pom.xml) \
    $(shell find $(wildcard $(SHIPPED:=/src/main)) 2> /dev/null)

JDK := $(shell tools/find-jdk 2> /dev/null)

.PHONY: help
help: ## this list
	@echo 'make …'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

.PHONY: build
build: build/.tree interposer launcher probe fakecuda programs differential ## the runnable tree in build/gpuslice, the simulated GPU in build/fakecuda

.PHONY: test
test: build ## everything: C and Java unit tests, integration tests with real processes
	@tools/run-tests

.PHONY: demo
demo: build ## the product at work on the simulated GPU, in under a minute
	@python3 it/demo/demo.py "$(CURDIR)"

# The suites that take minutes to hours: `make test` runs a short part of each. ONLY="chaos fuzz" repeats these.
ONLY :=
.PHONY: verify
verify: ## what is too long for `make test`, in two hours: docs/verification.md is made from it
	@tools/verify $(ONLY)

JAVA_TEST := tools/mvn --quiet --projects it --also-make -Dsurefire.failIfNoSpecifiedTests=false -Dtest

# So many rounds, each with the seed behind the last one's. A round says its seed; with ROUNDS=1 it is done again alone.
ROUNDS := 40
SEED :=
.PHONY: stress
stress: build ## ten processes that want far more than their limit, a third of them killed, over and over
	@$(JAVA_TEST)=StressTest -Dgpuslice.stress.rounds=$(ROUNDS) $(SEED:%=-Dgpuslice.stress.seed=%) test

# What is killed, stopped and resized, and when, is drawn from the seed that a run says. docs/reliability.md has what it counts.
SECONDS := 300
.PHONY: chaos
chaos: build ## guests and daemon killed at any time, for SECONDS=300, and the books held against the card all the while
	@it/chaos/run --seconds $(SECONDS) $(SEED:%=--seed %)

.PHONY: dist
dist: bundle ## the package with a Java of its own, in build/dist
	@tools/dist build/dist

.PHONY: deb
deb: bundle ## the same as a Debian package, with the machine's daemon under systemd
	@tools/deb build/dist/tree build/dist

# What is in DESTDIR is to be found at PREFIX later: packages are made so.
PREFIX := /usr/local
DESTDIR :=
.PHONY: install uninstall
install: bundle ## into PREFIX=/usr/local; docs/install.md
	@tools/install build/dist/tree "$(PREFIX)" "$(DESTDIR)"

uninstall: ## what `make install` with the same PREFIX has put there; /etc stays
	@tools/install --remove build/dist/tree "$(PREFIX)" "$(DESTDIR)"

.PHONY: licenses
licenses: build/.licenses ## what is shipped of others, and under which licences, in build/licenses; fails if one is not allowed
	@cat build/.licenses

.PHONY: reproducible
reproducible: | tools-found ## builds twice, in two other folders, and compares every jar, library and program
	@tools/reproduce

.PHONY: gpu-test
gpu-test: ## every way to take memory, on this machine's NVIDIA GPU, and docs/gpu-results.md from it; needs `make dist`, here or elsewhere
	@gpu/run docs/gpu-results.md

# The model lives with the domain's tests, which run its quick scenarios; here it prints what it visits.
# `make model MODEL=thorough` takes the large ones too.
MODEL := quick
MODEL_CLASSES := actors/target/test-classes:actors/target/classes
.PHONY: model
model: | tools-found ## the charge protocol, every interleaving
	@tools/mvn --quiet -DskipTests --projects actors --also-make test-compile
	@"$(JDK)/bin/java" -cp $(MODEL_CLASSES) io.gpuslice.model.ModelMain $(MODEL)

.PHONY: bench
bench: build ## what gpuslice costs, and docs/benchmarks.md from it; under 10 minutes on a machine that does nothing else
	@bench/run --report

.PHONY: bench-quick
bench-quick: build ## the same with fewer rounds and no report, in about a minute
	@bench/run --profile quick

.PHONY: fmt
fmt: | tools-found ## formats the Java sources as `make test` wants them
	@tools/mvn --quiet spotless:apply

.PHONY: clean
clean: ## removes what a build leaves behind
	rm -rf build target */target

# --- the parts

.PHONY: tools-found
tools-found:
	@tools/install-deps build --check

.PHONY: interposer launcher probe fakecuda programs differential
interposer: | tools-found
	@$(MAKE) --silent -C interposer OUT=../$(TREE)/lib

launcher: | tools-found
	@$(MAKE) --silent -C cli/launcher OUT=../../$(TREE)/bin

# The runnable tree with a Java of its own: what all packages are made of.
.PHONY: bundle
bundle: build
	@tools/bundle build/dist/tree

probe: | tools-found
	@$(MAKE) --silent -C cli/probe OUT=../../$(TREE)/lib

fakecuda: | tools-found
	@$(MAKE) --silent -C it/fakecuda OUT=../../$(FAKECUDA)

programs: fakecuda
	@$(MAKE) --silent -C it/programs OUT=../../$(PROGRAMS) FAKECUDA=../../$(FAKECUDA)

differential: fakecuda
	@$(MAKE) --silent -C it/differential OUT=../../$(DIFFERENTIAL) FAKECUDA=../../$(FAKECUDA)

# Maven takes seconds to find out that it has nothing to do, so it is asked only when an input is newer.
build/.jars: $(JAVA_INPUTS) | tools-found
	@mkdir -p $(@D)
	@rm -rf cli/target/lib daemon/target/lib
	tools/mvn --quiet -Dmaven.test.skip=true --projects cli,daemon --also-make package
	@touch $@

# New jars of our own change nothing here: what others' are is in the POMs.
build/.licenses: pom.xml $(SHIPPED:=/pom.xml) tools/licenses tools/licenses-allowed LICENSE $(wildcard docs/licences/*.txt) | build/.jars
	@tools/licenses > $@.new
	@mv $@.new $@

# The C parts go first because the training run of the start-up caches starts a program with them.
build/.tree: build/.jars build/.licenses tools/assemble tools/train-aot LICENSE NOTICE $(shell find deploy -type f) | interposer launcher probe programs
	tools/assemble $(TREE)
	@touch $@

# Start-up caches are good for one exact JDK.
ifneq ($(JDK),$(shell cat $(TREE)/lib/java-home 2> /dev/null))
build/.tree: another-jdk
.PHONY: another-jdk
another-jdk:
endif
