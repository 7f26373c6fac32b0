# The commands of this project; `just` lists them.

default:
    @just --list

# Build genil and run everything on the embedded data set.
demo out="genil-demo":
    cargo run --release --bin genil -- demo --out {{out}}

# All tests, the slow ones too.
test:
    ./test.sh

# Formatting, lints and documentation.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The engine on this machine, with the paper's model.
bench:
    cargo run --release --bin genil -- bench step

# The engine beside PyTorch, in turn; makes its own Python environment. All rows: just bench-engine --plan plan.toml; some: just bench-engine --rows 1 3
bench-engine *rows:
    python3 -m venv .venv && .venv/bin/pip install --quiet torch numpy safetensors
    cargo build --release -p genil-engine -p genil-data --examples
    .venv/bin/python tools/bench/engine.py --json engine.json {{rows}}

# Golden values of the engine from PyTorch, anew.
golden:
    python3 -m venv .venv && .venv/bin/pip install --quiet torch numpy safetensors
    .venv/bin/python tools/golden/make.py crates/engine/tests/golden

# Every parser in turn, so many seconds each (needs cargo-fuzz).
fuzz seconds="60":
    fuzz/run.sh {{seconds}}

# Licences and advisories (needs cargo-deny).
deny:
    cargo deny check
