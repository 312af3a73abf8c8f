# Cargo does the work; these are the steps around it. One profile (release) everywhere, because the C++ of
# torch-sys is compiled once for each.

CARGO ?= cargo

.PHONY: help setup build demo stage1 quality test check clean

help: ## Show this list
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: ## Put libtorch and the default tagger into the user's cache (once; about 570 MB)
	@command -v python3 >/dev/null || { \
	  echo "error: python3 is missing: install it with pip (Debian, Ubuntu: apt install python3 python3-pip)" >&2; \
	  exit 1; }
	@python3 tools/setup.py

build: setup ## Build target/release/at2seld
	$(CARGO) build --release --locked

demo: build ## Make a dataset, search, export and score: results in results/demo/
	@bash tools/demo.sh

stage1: build ## Search stage 1 over all descriptor families: table in results/stage1/
	@bash tools/stage1.sh

quality: build ## Search, then train winner and baseline equally long: table in results/quality/ (hours; goes on where it was)
	@bash tools/quality.sh

test: setup ## Run all tests
	$(CARGO) test --release --locked --no-fail-fast

check: setup ## Format and lints, as in .ci/run
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings

clean: ## Remove what was built and the results of demo, stage1 and quality; the cache folder stays
	$(CARGO) clean
	rm -rf results/demo results/stage1 results/quality
