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
