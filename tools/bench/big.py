"""`genil import` against anndata and scanpy doing the same work on one file, in turn: docs/big-files.md.

    python tools/bench/big_make.py cells.h5ad --cells 1000000
    python tools/bench/big.py cells.h5ad --rounds 3 --json big.json

The work: read the matrix, the cells and the genes; see that every value is finite, whole and not negative and that the
genes of each cell ascend; count the cells of each gene; write all of it without compression.

    genil     `genil import`, which also takes the SHA-256 of all it read and wrote and waits until the disk has it
    slabs     anndata in backed mode, some thousand cells at a time; it holds no more than these
    whole     scanpy reads the file into memory, and anndata writes it: the fastest way if memory suffices

Each side is a process of its own. Peak memory is the kernel's figure for that process (`ru_maxrss`), which counts the pages
of mapped files too. Needs anndata, h5py, scanpy, and `cargo build --release`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

SLAB = 4000


def check(x) -> None:
    """What an import refuses."""
    import numpy as np

    assert x.has_sorted_indices
    assert np.isfinite(x.data).all() and (x.data >= 0).all() and (x.data % 1 == 0).all()


def whole(path: Path, out: Path) -> None:
    import scanpy as sc

    adata = sc.read_h5ad(path)
    check(adata.X)
    adata.var["cells"] = sc.pp.filter_genes(adata, min_cells=1, inplace=False)[1]
    adata.write_h5ad(out)


def slabs(path: Path, out: Path) -> None:
    import anndata as ad
    import h5py
    import numpy as np
    import scipy.sparse as sp

    adata = ad.read_h5ad(path, backed="r")
    obs, var = adata.obs, adata.var
    cells_of = np.zeros(len(var), dtype="int64")
    with h5py.File(out, "w") as file:
        empty = sp.csr_matrix((0, len(var)), dtype=adata.X.dtype)
        # Chunks that a fast writer would choose: the default of an empty array is 1,024 values.
        ad.io.write_elem(file, "X", empty, dataset_kwargs={"chunks": (1 << 18,)})
        x = ad.io.sparse_dataset(file["X"])
        for slab, _, _ in adata.chunked_X(SLAB):
            check(slab)
            cells_of += slab.getnnz(axis=0)
            x.append(slab)
        var["cells"] = cells_of
        ad.io.write_elem(file, "obs", obs)
        ad.io.write_elem(file, "var", var)
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})


def genil(path: Path, out: Path, binary: Path) -> None:
    os.execv(binary, [str(binary), "import", str(path), "--out", str(out), "--quiet"])


def remove(out: Path) -> None:
    shutil.rmtree(out) if out.is_dir() else out.unlink(missing_ok=True)


def measure(side: str, path: Path, out: Path, a) -> dict:
    remove(out)
    os.sync()
    command = [sys.executable, __file__, str(path), "--side", side, "--out", str(out), "--bin", str(a.bin)]
    began = time.perf_counter()
    child = subprocess.Popen(command)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        sys.exit(f"{side} failed")
    os.sync()
    synced = time.perf_counter() - began
    remove(out)
    return {
        "seconds": seconds,
        "seconds_on_disk": synced,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", nargs="+", default=["genil", "slabs", "whole"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--bin", type=Path, default=Path(__file__).parents[2] / "target/release/genil")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.side:
        sides = {"whole": whole, "slabs": slabs, "genil": lambda path, out: genil(path, out, a.bin)}
        sides[a.side](a.file, a.out)
        return
    import h5py

    with h5py.File(a.file) as file:
        index = file["obs"].attrs["_index"]
        cells, values = len(file["obs"][index]), len(file["X/data"])
    size = a.file.stat().st_size
    runs = {side: [] for side in a.sides}
    for _ in range(a.rounds):
        for side in a.sides:
            runs[side].append(measure(side, a.file, a.out or a.file.with_suffix(f".{side}"), a))
            print(side, {key: round(value, 1) for key, value in runs[side][-1].items()}, flush=True)
    print(f"{cells} cells, {values} values, {size / 1e6:.0f} MB; {os.cpu_count()} cores, load {os.getloadavg()}")
    print("| side | seconds | until on disk | CPU s | cells/s | MB/s of the file | peak MiB | times |")
    print("|---|---|---|---|---|---|---|---|")
    middle = lambda side, key: statistics.median(run[key] for run in runs[side])
    for side in a.sides:
        t = middle(side, "seconds")
        print(
            f"| {side} | {t:.1f} | {middle(side, 'seconds_on_disk'):.1f} | {middle(side, 'cpu_seconds'):.1f} "
            f"| {cells / t:,.0f} | {size / 1e6 / t:.0f} | {max(run['peak_mib'] for run in runs[side]):.0f} "
            f"| {t / middle(a.sides[0], 'seconds'):.1f} |"
        )
    if a.json:
        a.json.write_text(json.dumps({"cells": cells, "values": values, "bytes": size, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
