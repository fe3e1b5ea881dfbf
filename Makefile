# The one list of what can be done here; continuous integration calls the same targets.

SWIFT ?= swift
OPTIONS ?=
BUILD = .build/release
SOURCES = Package.swift Sources Tests Examples

.PHONY: help demo build test check bench-peers study lint format dependencies clean

help:
	@echo "make demo    build, train on bundled digits, evaluate on held-out ones"
	@echo "make test    build and run all tests"
	@echo "make check   the tests with assertions on, then under the address sanitizer; a billion pairs of certificates"
	@echo "make bench-peers  compare with JAX, PyTorch, NumPy and scikit-learn (installs them into .venv)"
	@echo "make study   measure the papers' claims anew, into Documentation/Study"
	@echo "make lint    formatter and compiler warnings as errors"
	@echo "make format  format the sources"

dependencies:
	@Scripts/install-dependencies.sh

build: dependencies
	$(SWIFT) build -c release --product firetree

demo: build
	@Scripts/demo.sh $(BUILD)/firetree demo

test: dependencies
	$(SWIFT) build -c release --build-tests
	$(SWIFT) test -c release --skip-build

# Debug builds check assertions and array bounds; the address sanitizer checks the unsafe kernels.
check: dependencies
	$(SWIFT) test --scratch-path .build-check -Xcc -O2
	SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test -c release \
	  --scratch-path .build-asan --sanitize=address
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

# A study that was begun at this commit goes on; one of another commit is replaced.
OUT ?= Documentation/Study
study: build
	@[ ! -f "$(OUT)/settings.csv" ] || grep -q "^commit,$$(git rev-parse --short HEAD)$$" "$(OUT)/settings.csv" || \
	  rm -r "$(OUT)"
	$(BUILD)/firetree study all --out $(OUT) $(OPTIONS)

lint: dependencies
	$(SWIFT) format lint --strict --recursive $(SOURCES)
	$(SWIFT) build -c release --build-tests --scratch-path .build-lint -Xswiftc -warnings-as-errors

format:
	$(SWIFT) format --in-place --recursive $(SOURCES)

clean:
	rm -rf .build .build-check .build-asan .build-lint demo
