#!/bin/sh
# Keeps, of what fuzz/run.sh found, the inputs that together reach all code that was reached: corpus/TARGET.tar.gz, of
# inputs of 4 KiB at most. fuzz/keep.sh TARGET...
set -eu
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1 RAYON_NUM_THREADS=1
for target; do
    all=$(mktemp -d)
    mkdir "$all/old" "$all/kept"
    [ ! -f "corpus/$target.tar.gz" ] || tar xzf "corpus/$target.tar.gz" -C "$all/old"
    cargo fuzz run "$target" "$all/kept" -- -set_cover_merge=1 -max_len=4096 -rss_limit_mb=3000 \
        "corpus/$target" "$all/old" "target/found/$target"
    # The seeds are there as they are. No times, no names of people: the same inputs give the same bytes.
    for seed in "corpus/$target"/*; do rm -f "$all/kept/$(sha1sum "$seed" | cut -d' ' -f1)"; done
    tar c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$all/kept" . | gzip -9n >"corpus/$target.tar.gz"
    rm -rf "$all"
done
