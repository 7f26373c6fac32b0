#!/bin/sh
# Builds genil and runs the whole way on the embedded data set: ./demo.sh [DIR]
set -eu
cd "$(dirname "$0")"
. ./need-rust.sh
cargo run --release --locked --bin genil -- demo --out "${1:-genil-demo}"
