#!/bin/sh
# Everything that a change must pass: formatting, lints, documentation, all tests (the slow ones too).
set -eu
cd "$(dirname "$0")"
. ./need-rust.sh
export GENIL_SLOW=1
# 200 by default, which takes too long for every change.
export GENIL_KILLS="${GENIL_KILLS:-24}"
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
cargo test --workspace --locked
# The reports that the tests left, in a real browser where there is one.
if command -v python3 >/dev/null; then
    python3 tools/report/check.py target/tmp/example-run/report.html target/tmp/example-benchmark/report.html \
        target/tmp/example-both.html
fi

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
