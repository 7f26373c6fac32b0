"""Writes an AnnData file of any size that looks like droplet data, in bounded memory, with all cores.

    python tools/bench/big_make.py cells.h5ad --cells 1000000
    python tools/bench/big_make.py cells.h5ad --cells 200000 --compression lzf --layout csc

About 1,000 of 30,000 genes are expressed in a cell, as counts in float32 with int32 indices: most are 1, a few are
hundreds. Twenty cell types share most of their genes; cells differ in depth. The same seed gives the same cells. The file
is what `AnnData.write_h5ad` would write, chunk sizes included: h5py's own guess for arrays of these lengths. csc takes
what the matrix takes in memory. Needs anndata, h5py, scipy.
"""

import argparse
import os
import time
import zlib
from multiprocessing import Pool
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

GENES, TYPES = 30_000, 20
#: Transcripts of a cell: the median, and the spread of their logarithm.
DEPTH, SPREAD = 1900, 0.35
#: Cells that are drawn at a time.
BLOCK = 1000
#: Genes are drawn by 16 bits from a table for each cell type, so that a draw is one look-up.
TABLE = 1 << 20


def tables(seed: int) -> np.ndarray:
    """For each cell type, `TABLE` genes, each as often as it is expressed."""
    rng = np.random.default_rng([seed, 0])
    common = rng.lognormal(0, 2.5, GENES)
    made = []
    for _ in range(TYPES):
        level = common * np.exp(rng.normal(0, 1.2, GENES) * (rng.random(GENES) < 0.1))
        ends = np.cumsum(level) / level.sum() * TABLE
        made.append(np.searchsorted(ends, np.arange(TABLE) + 0.5).astype("uint16"))
    return np.array(made)


def types_of(seed: int, cells: int) -> np.ndarray:
    return np.random.default_rng([seed, 1]).choice(TYPES, cells, p=np.arange(1, TYPES + 1)[::-1] / (TYPES * (TYPES + 1) / 2))


def block(task):
    """Draws some cells: the length of each, the genes and the counts of all."""
    seed, first, types = task
    rng = np.random.default_rng([seed, 2, first])
    depths = rng.lognormal(np.log(DEPTH), SPREAD, len(types)).astype("int64") + 1
    lengths, genes, counts = [], [], []
    for kind, depth in zip(types, depths):
        drawn = np.sort(TABLES[kind][rng.integers(0, TABLE, depth, dtype="uint32")])
        starts = np.flatnonzero(np.r_[True, drawn[1:] != drawn[:-1]])
        lengths.append(len(starts))
        genes.append(drawn[starts].astype("int32"))
        counts.append(np.diff(starts, append=depth).astype("float32"))
    return np.array(lengths), np.concatenate(genes), np.concatenate(counts)


def start(seed: int) -> None:
    global TABLES
    TABLES = tables(seed)


def drawn(pool, tasks):
    """The blocks in order; only some are in memory."""
    for i in range(0, len(tasks), 16):
        yield from pool.map(block, tasks[i : i + 16], chunksize=1)


def block_length(task) -> int:
    start(task[0])
    return int(block(task)[0].sum())


class Column:
    """A one-dimensional dataset that is written bit by bit, of about `length`; the pool does gzip, chunk by chunk."""

    def __init__(self, group, name, length, dtype, compression, pool):
        self.data = group.create_dataset(name, (length,), dtype, maxshape=(None,), compression=compression)
        self.chunk = self.data.chunks[0]
        self.gzip, self.pool = compression == "gzip", pool
        self.waiting, self.at = np.empty(0, dtype), 0

    def add(self, values, last=False):
        values = np.concatenate([self.waiting, values.astype(self.waiting.dtype)])
        whole = len(values) if last else len(values) // self.chunk * self.chunk
        now, self.waiting = values[:whole], values[whole:]
        if last or self.at + whole > len(self.data):
            self.data.resize((self.at + whole,))
        if not self.gzip:
            self.data[self.at : self.at + whole] = now
        else:
            parts = [now[i : i + self.chunk] for i in range(0, whole, self.chunk)]
            if parts:
                parts[-1] = np.r_[parts[-1], np.zeros(self.chunk - len(parts[-1]), now.dtype)]
            for i, packed in enumerate(self.pool.imap(pack, parts, chunksize=8)):
                self.data.id.write_direct_chunk((self.at + i * self.chunk,), packed)
        self.at += whole


def pack(values) -> bytes:
    return zlib.compress(values.tobytes(), 4)  # HDF5's own level


def tables_of(cells: int, types: np.ndarray, seed: int):
    rng = np.random.default_rng([seed, 3])
    donors = [f"donor-{i}" for i in range(12)]
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical.from_codes(types, [f"type {i}" for i in range(TYPES)]),
            "donor": pd.Categorical.from_codes(rng.integers(0, 12, cells), donors),
            "percent_mito": rng.beta(2, 40, cells),
        },
        index=[f"{i:08X}-1" for i in range(cells)],
    )
    symbols = [f"GENE{i}" for i in range(GENES)]
    var = pd.DataFrame({"gene_ids": [f"ENSG{i:011}" for i in range(GENES)]}, index=symbols)
    return obs, var


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compression", choices=["gzip", "lzf", "none"], default="gzip")
    parser.add_argument("--layout", choices=["csr", "csc"], default="csr")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    a = parser.parse_args()
    how = None if a.compression == "none" else a.compression
    began = time.time()
    types = types_of(a.seed, a.cells)
    tasks = [(a.seed, first, types[first : first + BLOCK]) for first in range(0, a.cells, BLOCK)]
    obs, var = tables_of(a.cells, types, a.seed)
    with Pool(a.jobs, start, (a.seed,)) as pool, h5py.File(a.out, "w") as file:
        if a.layout == "csc":
            blocks = drawn(pool, tasks)
            rows = [sp.csr_matrix((v, g, np.r_[0, np.cumsum(n)]), (len(n), GENES)) for n, g, v in blocks]
            matrix = sp.vstack(rows, format="csr").tocsc()
            pieces, about = [(np.diff(matrix.indptr), matrix.indices, matrix.data)], matrix.nnz
        else:
            # Chunk sizes go by the length of the whole array, which the first cells tell well enough.
            pieces, about = drawn(pool, tasks), block_length(tasks[0]) * a.cells // len(tasks[0][2])
        dtype = "int32" if about < 2**31 else "int64"
        # The tables and an empty matrix are anndata's own, then the matrix is put in.
        empty = sp.csr_matrix((a.cells, GENES), dtype="float32")
        ad.io.write_elem(file, "/", ad.AnnData(empty, obs=obs, var=var), dataset_kwargs={"compression": how} if how else {})
        x = file["X"]
        x.attrs["encoding-type"] = f"{a.layout}_matrix"
        for name in ("data", "indices", "indptr"):
            del x[name]
        columns = [Column(x, "indices", about, dtype, how, pool), Column(x, "data", about, "float32", how, pool)]
        ends = [np.zeros(1, "int64")]
        for lengths, *parts in pieces:
            ends.append(ends[-1][-1] + np.cumsum(lengths))
            for column, part in zip(columns, parts):
                column.add(part)
        values = int(ends[-1][-1])
        x.create_dataset("indptr", data=np.concatenate(ends).astype(dtype), maxshape=(None,), compression=how)
        for column in columns:
            column.add(np.empty(0, column.data.dtype), last=True)
        print(f"chunks of {columns[0].chunk} values; ", end="")
    size = a.out.stat().st_size
    print(f"{a.cells} cells, {values / a.cells:.0f} genes a cell, {size / 1e6:.0f} MB, {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
