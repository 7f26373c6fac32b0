"""Writes the same twelve cells in every form that single-cell files take in the wild.

    python tools/make_h5ad_variants.py crates/import/tests/data

Each variant is a gzipped file (HDF5 spends most of a small file on empty space) or a folder;
`expected.json` has what every one of them must be read as. Needs anndata, h5py, hdf5plugin and scipy.
"""

import gzip
import json
import sys
import tempfile
import warnings
from pathlib import Path

import anndata as ad
import h5py
import hdf5plugin
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp

CELLS, GENES = 12, 9
SYMBOLS = ["CD3E", "LYZ", "MS4A1", "NKG7", "PPBP", "GNLY", "CD8A", "FCER1A", "AC004556.1"]
ENSEMBL = [f"ENSG{i:011}" for i in (198851, 90382, 156738, 105374, 163736, 115523, 153563, 179639, 276345)]
rng = np.random.default_rng(0)
COUNTS = rng.poisson(1.2, (CELLS, GENES)).astype("float32")
COUNTS[3] = 0  # a cell without any gene
NAMES = [f"cell-{i}" for i in range(CELLS)]


def obs() -> pd.DataFrame:
    types = ["T cell", "B cell", None, "NK"] * 3
    return pd.DataFrame(
        {
            "cell_type": pd.Categorical(types),
            "stage": pd.Categorical(["late", "early"] * 6, categories=["early", "late"], ordered=True),
            "cluster": pd.Categorical([3, 1, 2] * 4),
            "text": [f"note é {i}" for i in range(CELLS)],
            "donor": ["d1", "d2", "d2"] * 4,
            "score": [0.5, np.nan] * 6,
            "n": np.arange(CELLS, dtype="int64") * 10_000_000_000,
            "good": [True, False, True] * 4,
            "maybe": pd.array([True, None, False] * 4, dtype="boolean"),
            "age": pd.array([31, None] * 6, dtype="Int64"),
        },
        index=pd.Index(NAMES),
    )


def data(x, index: str = "symbol") -> ad.AnnData:
    var = pd.DataFrame({"gene_ids": ENSEMBL, "feature_name": SYMBOLS}, index=pd.Index(SYMBOLS))
    if index == "ensembl":
        var = var.set_index(pd.Index([f"{gene}.{i}" for i, gene in enumerate(ENSEMBL, 1)]))
    return ad.AnnData(x, obs=obs(), var=var)


def twist(path: Path, change) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def replace(file: h5py.File, place: str, values, **how) -> None:
    attributes = dict(file[place].attrs) if place in file else {}
    if place in file:
        del file[place]
    made = file.create_dataset(place, data=values, **how)
    made.attrs.update(attributes)


def sparse_as(**how):
    """Stores X/data and X/indices with other settings of HDF5."""

    def change(file: h5py.File) -> None:
        for name in ("data", "indices"):
            replace(file, f"X/{name}", file[f"X/{name}"][:], **how)

    return change


def dense_as(**how):
    return lambda file: replace(file, "X", file["X"][:], **how)


def big_endian(file: h5py.File) -> None:
    replace(file, "X/data", file["X/data"][:].astype(">f8"))
    replace(file, "X/indices", file["X/indices"][:].astype(">i4"))


def legacy_categories(file: h5py.File) -> None:
    """As anndata 0.7 wrote tables: codes in place, names under __categories, no encoding."""
    frame = file["obs"]
    for name in ("cell_type", "stage", "cluster", "donor"):
        codes, names = frame[f"{name}/codes"][:], frame[f"{name}/categories"][:]
        del frame[name]
        kept = frame.create_dataset(f"__categories/{name}", data=names)
        frame.create_dataset(name, data=codes).attrs["categories"] = kept.ref
    for name in ("maybe", "age"):
        del frame[name]
    frame.attrs["encoding-version"] = "0.1.0"
    frame.attrs["column-order"] = [n for n in frame.attrs["column-order"] if n not in ("maybe", "age")]
    file["X"].attrs["encoding-version"] = "0.1.0"


def fixed_strings(file: h5py.File) -> None:
    for place in ("obs/_index", "var/_index"):
        replace(file, place, np.array([n for n in file[place].asstr()[:]], dtype="S"))


def unreadable_column(file: h5py.File) -> None:
    del file["obs/score"]
    file.create_dataset("obs/score", data=np.zeros(CELLS, dtype="complex64"))
    del file["obs/age/mask"]


def disorder(file: h5py.File) -> None:
    """Genes of a cell in any order, a zero that is stored, a gene twice in a cell."""
    dense = COUNTS.copy()
    indptr, indices, values = [0], [], []
    for row in dense:
        found = [(g, v) for g, v in enumerate(row) if v > 0][::-1] + [(0, 0.0)] * int(row[0] == 0)
        if found and found[0][1] > 1:
            gene, value = found[0]
            found = [(gene, 1.0), *found[1:], (gene, value - 1.0)]
        indices += [g for g, _ in found]
        values += [v for _, v in found]
        indptr.append(len(indices))
    replace(file, "X/indptr", np.array(indptr, dtype="int32"))
    replace(file, "X/indices", np.array(indices, dtype="int32"))
    replace(file, "X/data", np.array(values, dtype="float32"))


def tenx(path: Path, version: int) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix" if version == 3 else "GRCh38")
        counts, ids, names = COUNTS, list(ENSEMBL), list(SYMBOLS)
        types = ["Gene Expression"] * GENES
        if version == 3:  # an antibody, which is no gene
            counts = np.hstack([COUNTS, np.full((CELLS, 1), 7.0)])
            ids, names, types = ids + ["CD3"], names + ["CD3_TotalSeqB"], types + ["Antibody Capture"]
        matrix = sp.csr_matrix(counts.astype("int32"))
        text = lambda all: np.array(all, dtype="S")
        group.create_dataset("barcodes", data=text(NAMES))
        group.create_dataset("data", data=matrix.data, compression="gzip", shuffle=True, maxshape=(None,))
        group.create_dataset("indices", data=matrix.indices.astype("int64"), compression="gzip")
        group.create_dataset("indptr", data=matrix.indptr.astype("int64"))
        group.create_dataset("shape", data=np.array(counts.shape[::-1], dtype="int32"))
        if version == 2:
            group.create_dataset("genes", data=text(ids))
            group.create_dataset("gene_names", data=text(names))
            return
        features = group.create_group("features")
        for name, values in [("id", ids), ("name", names), ("feature_type", types)]:
            features.create_dataset(name, data=text(values))


def loom(path: Path, layer: str | None) -> None:
    """As loompy lays it out: genes × cells, dense, in chunks; with a layer, `matrix` is no counts."""
    table = obs()
    with h5py.File(path, "w") as file:
        how = dict(chunks=(4, 5), compression="gzip", maxshape=(None, None))
        file.attrs["LOOM_SPEC_VERSION"] = "3.0.0"
        counts = COUNTS.T.astype("float32")
        file.create_dataset("matrix", data=np.log1p(counts) if layer else counts, **how)
        layers = file.create_group("layers")
        if layer:
            layers.create_dataset(layer, data=counts.astype("uint16"), **how)
        genes, cells = file.create_group("row_attrs"), file.create_group("col_attrs")
        for name in ("row_graphs", "col_graphs"):
            file.create_group(name)
        text = h5py.string_dtype()
        genes.create_dataset("Gene", data=np.array(SYMBOLS, dtype=object), dtype=text)
        genes.create_dataset("Accession", data=np.array(ENSEMBL, dtype="S"))
        cells.create_dataset("CellID", data=np.array(NAMES, dtype=object), dtype=text)
        for name in ("text", "donor"):
            cells.create_dataset(name, data=np.array(table[name].tolist(), dtype=object), dtype=text)
        for name in ("score", "n"):
            cells.create_dataset(name, data=table[name].to_numpy())
        cells.create_dataset("embedding", data=np.zeros((CELLS, 2), dtype="float32"))


def mtx(folder: Path, version: int) -> None:
    folder.mkdir(exist_ok=True)
    ending, opener = (".gz", gzip.open) if version == 3 else ("", open)
    lines = [f"{e}\t{s}" + ("\tGene Expression" if version == 3 else "") for e, s in zip(ENSEMBL, SYMBOLS)]
    with opener(folder / f"matrix.mtx{ending}", "wb") as out:
        scipy.io.mmwrite(out, sp.coo_matrix(COUNTS.T.astype("int32")))
    for name, rows in [("features" if version == 3 else "genes", lines), ("barcodes", NAMES)]:
        with opener(folder / f"{name}.tsv{ending}", "wt") as out:
            out.write("\n".join(rows) + "\n")


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    csr, csc = sp.csr_matrix(COUNTS), sp.csc_matrix(COUNTS)
    scaled = np.log1p(COUNTS)

    layered = data(sp.csr_matrix(scaled))
    layered.layers["counts"] = csr
    raw = data(csr)
    raw.raw = raw.copy()
    raw = raw[:, [1, 3]].copy()
    raw.X = np.asarray(np.log1p(raw.X.todense())) - 0.1
    named = data(csr)
    named.obs.index.name, named.var.index.name = "barcode", "gene"

    variants = {
        "csr": (data(csr), {}, None),
        "csc": (data(csc), {}, None),
        "dense": (data(COUNTS), {}, None),
        "dense_gzip": (data(COUNTS.astype("float64")), dict(compression="gzip"), None),
        "dense_lzf_int": (data(COUNTS.astype("int16")), dict(compression="lzf"), None),
        "csr_gzip": (data(csr), dict(compression="gzip"), None),
        "csr_lzf": (data(csr), dict(compression="lzf"), None),
        "csc_uint16": (data(csc.astype("uint16")), dict(compression="gzip"), None),
        "csr_zstd": (data(csr), dict(hdf5plugin.Zstd(clevel=3)), None),
        # Blosc crashes on texts of variable length, so only the matrix is packed.
        "csr_blosc": (data(csr), {}, sparse_as(**hdf5plugin.Blosc(cname="lz4", shuffle=1), chunks=(7,))),
        "csc_blosc": (data(csc), {}, sparse_as(**hdf5plugin.Blosc(cname="zstd", shuffle=2), chunks=(9,))),
        "dense_blosc": (data(COUNTS), {}, dense_as(**hdf5plugin.Blosc(cname="blosclz", shuffle=1), chunks=(5, 4))),
        "csr_lz4": (data(csr), dict(hdf5plugin.LZ4()), None),
        "csr_int64": (data(csr.astype("int64")), {}, None),
        "csr_shuffle": (data(csr), {}, sparse_as(compression="gzip", shuffle=True, chunks=(7,))),
        "csr_fletcher": (data(csr), {}, sparse_as(fletcher32=True, chunks=(5,))),
        "csr_big_endian": (data(csr), {}, big_endian),
        "csr_disorder": (data(csr), {}, disorder),
        "ensembl_index": (data(csr, "ensembl"), {}, None),
        "named_index": (named, {}, None),
        "layer_counts": (layered, {}, None),
        "raw_counts": (raw, {}, None),
        "anndata07": (data(csr), {}, legacy_categories),
        "fixed_strings": (data(csr), {}, fixed_strings),
        "unreadable_column": (data(csr), {}, unreadable_column),
    }
    with tempfile.TemporaryDirectory() as scratch:
        for name, (made, how, change) in variants.items():
            path = Path(scratch) / f"{name}.h5ad"
            made.write_h5ad(path, **how)
            if change:
                twist(path, change)
            pack(path, folder)
        latest = Path(scratch) / "libver_latest.h5ad"
        with h5py.File(latest, "w", libver="latest") as file:
            ad.io.write_elem(file, "/", data(csr))
        pack(latest, folder)
        path = Path(scratch) / "packed.h5ad"
        packed(path)
        pack(path, folder)
        for version in (2, 3):
            path = Path(scratch) / f"tenx_v{version}.h5"
            tenx(path, version)
            pack(path, folder)
        for name, layer in [("loom", None), ("loom_layer", "counts")]:
            path = Path(scratch) / f"{name}.loom"
            loom(path, layer)
            pack(path, folder)
    for version in (2, 3):
        mtx(folder / f"mtx_v{version}", version)

    table = obs()
    plain = lambda v: None if pd.isna(v) else str(v).lower() if isinstance(v, (bool, np.bool_)) else v
    columns = {c: [plain(v) for v in table[c].astype(object)] for c in table}
    columns["cluster"] = [str(v) for v in columns["cluster"]]
    expected = dict(cells=NAMES, genes=SYMBOLS, ensembl=ENSEMBL, counts=COUNTS.astype(int).tolist(), columns=columns)
    (folder / "expected.json").write_text(json.dumps(expected, default=int, ensure_ascii=False) + "\n")


PACKED = 4000


def packed(path: Path) -> None:
    """Many cells whose annotations, all of the same numbers, are packed by one plugin each: real blocks and streams."""
    n = np.arange(PACKED, dtype="int64")
    numbers = (n * n % 251 + n // 100 * 1000).astype("float64")
    plugins = {"zstd": hdf5plugin.Zstd(clevel=9), "lz4": hdf5plugin.LZ4()}
    for codec in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
        for shuffle in (0, 1, 2):
            plugins[f"blosc_{codec}_{shuffle}"] = hdf5plugin.Blosc(cname=codec, clevel=5, shuffle=shuffle)
    names = [f"c{i}" for i in range(PACKED)]
    obs = pd.DataFrame({name: numbers for name in plugins} | {"text": names}, index=pd.Index(names))
    ad.AnnData(sp.csr_matrix((PACKED, 1), dtype="float32"), obs=obs, var=pd.DataFrame(index=["G"])).write_h5ad(path)
    kinds = ["float64", "float32", "int32", "int64", "uint32", ">i4"]

    def change(file: h5py.File) -> None:
        for i, (name, plugin) in enumerate(plugins.items()):
            replace(file, f"obs/{name}", numbers.astype(kinds[i % len(kinds)]), chunks=(3000,), **dict(plugin))
        replace(file, "obs/text", np.array(names, dtype=object), dtype=h5py.string_dtype(), chunks=(3000,),
                **dict(hdf5plugin.Zstd()))

    twist(path, change)


def pack(path: Path, folder: Path) -> None:
    with open(folder / f"{path.name}.gz", "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write(path.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
