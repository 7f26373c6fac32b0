#!/bin/sh
# Fuzzes every parser in turn, or those named, SECONDS each (default 60): fuzz/run.sh [SECONDS [TARGET...]]. What is
# found is in fuzz/artifacts/TARGET. The AnnData and 10x files of the import's tests are seeds besides the corpus here.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- h5ad tenx zarr mtx table parquet store plan run checkpoint report
# AddressSanitizer needs unstable flags, which a stable compiler takes when it is told so.
export RUSTC_BOOTSTRAP=1
# One thread: the inputs are tiny, and a run must be repeatable.
export RAYON_NUM_THREADS=1
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
mkdir "$seeds/h5ad" "$seeds/tenx"
for file in ../crates/import/tests/data/*.h5ad.gz ../crates/import/tests/data/*.loom.gz; do
    gzip -dc "$file" >"$seeds/h5ad/$(basename "$file" .gz)"
done
for file in ../crates/import/tests/data/*.h5.gz; do gzip -dc "$file" >"$seeds/tenx/$(basename "$file" .gz)"; done
failed=0
for target; do
    mkdir -p "$seeds/$target" "corpus/$target"
    [ ! -f "corpus/$target.tar.gz" ] || tar xzf "corpus/$target.tar.gz" -C "$seeds/$target"
    # New inputs stay out of the corpus that is kept; fuzz/keep.sh takes up those that reach new code.
    new="target/found/$target"
    mkdir -p "$new"
    cargo fuzz run "$target" "$new" "corpus/$target" "$seeds/$target" -- -max_total_time="$seconds" -timeout=20 \
        -rss_limit_mb=3000 -malloc_limit_mb=1500 -detect_leaks=0 -print_final_stats=1 || failed=1
done
exit $failed
