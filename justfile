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

# Every parser in turn, or those named, so many seconds each (needs cargo-fuzz).
fuzz seconds="60" *targets:
    fuzz/run.sh {{seconds}} {{targets}}

# Builds and tests with the oldest versions that Cargo.toml allows, in a copy below target/.
minimal-versions:
    rm -rf target/minimal && mkdir -p target/minimal
    git ls-files | grep -v '^fuzz/' | tar c -T - | tar x -C target/minimal
    cd target/minimal && rm Cargo.lock && RUSTC_BOOTSTRAP=1 cargo update -Z direct-minimal-versions
    cd target/minimal && cargo test --workspace --locked

# Licences and advisories (needs cargo-deny).
deny:
    cargo deny check
