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
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

.PHONY: build
build: build/.tree interposer launcher fakecuda programs differential ## the runnable tree in build/gpuslice, the simulated GPU in build/fakecuda

.PHONY: test
test: build ## everything: C and Java unit tests, integration tests with real processes
	@tools/run-tests

.PHONY: demo
demo: build ## the product at work on the simulated GPU, in under a minute
	@python3 it/demo/demo.py "$(CURDIR)"

# The suites that take minutes: `make test` runs a short part of each. STEPS is of the differential test.
STEPS := 1000000
.PHONY: verify
verify: test dist ## everything that is too long for `make test`: the large models, a million steps, the package
	@$(MAKE) --silent model MODEL=thorough
	@it/differential/run $(STEPS)
	@$(MAKE) --silent -C interposer fuzz SECONDS=300

# So many rounds, each with the seed behind the last one's. A round says its seed; with ROUNDS=1 it is done again alone.
ROUNDS := 40
SEED :=
.PHONY: stress
stress: build ## ten processes that want far more than their limit, a third of them killed, over and over
	@tools/mvn --quiet --projects it --also-make -Dtest=StressTest -Dsurefire.failIfNoSpecifiedTests=false \
	    -Dgpuslice.stress.rounds=$(ROUNDS) $(SEED:%=-Dgpuslice.stress.seed=%) test

# What is killed, stopped and resized, and when, is drawn from the seed that a run says. docs/reliability.md has what it counts.
SECONDS := 300
.PHONY: chaos
chaos: build ## guests and daemon killed at any time, and the books held against the card all the while
	@it/chaos/run --seconds $(SECONDS) $(SEED:%=--seed %)

.PHONY: dist
dist: build ## the package with a Java of its own, in build/dist
	@tools/dist build/dist

.PHONY: gpu-test
gpu-test: ## every way to take memory, on this machine's NVIDIA GPU; needs `make dist`, here or elsewhere
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
bench-quick: build ## the same with fewer rounds, in about a minute
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

.PHONY: interposer launcher fakecuda programs differential
interposer: | tools-found
	@$(MAKE) --silent -C interposer OUT=../$(TREE)/lib

launcher: | tools-found
	@$(MAKE) --silent -C cli/launcher OUT=../../$(TREE)/bin

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

# The C parts go first because the training run of the start-up caches starts a program with them.
build/.tree: build/.jars tools/assemble tools/train-aot LICENSE NOTICE | interposer launcher programs
	tools/assemble $(TREE)
	@touch $@

# Start-up caches are good for one exact JDK.
ifneq ($(JDK),$(shell cat $(TREE)/lib/java-home 2> /dev/null))
build/.tree: another-jdk
.PHONY: another-jdk
another-jdk:
endif
