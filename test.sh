#!/bin/sh
# Everything that a change must pass: formatting, lints, documentation, all tests (the slow ones too).
set -eu
cd "$(dirname "$0")"
. ./need-rust.sh
export GENIL_SLOW=1
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
cargo test --workspace --locked

if ! cargo deny --version >/dev/null 2>&1; then
    echo "skipped: cargo deny is not installed: licences, sources and advisories were not checked"
    exit
fi
cargo deny check --hide-inclusion-graph licenses bans sources
if cargo deny fetch db >/dev/null 2>&1; then
    cargo deny check --hide-inclusion-graph advisories
else
    echo "skipped: the advisory database cannot be reached"
fi
