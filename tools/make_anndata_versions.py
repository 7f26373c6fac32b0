"""Writes cells with one version of the real anndata package in every form that it knows, and what it reads them as.

    tools/make_anndata_versions.sh          # one environment a version, this script in each
    python tools/make_anndata_versions.py crates/import/tests/anndata

A form is `VERSION-NAME.h5ad.gz`; `VERSION.json.gz` has for each form what `anndata.read_h5ad` of this very version made of the
file: the names, the matrix that holds the counts, the annotations. `crates/import/tests/anndata_versions.rs` imports them
all and compares. Forms that a version cannot write are left out and named. Runs on anndata 0.6 to 0.12.
"""

import gzip
import json
import sys
import tempfile
import warnings
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

try:
    import hdf5plugin
except ImportError:
    hdf5plugin = None

warnings.simplefilter("ignore")
CELLS, GENES = 14, 6
COUNTS = np.random.default_rng(7).poisson(1.3, (CELLS, GENES))
COUNTS[5] = 0
WHOLE = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
VERSION = ".".join(ad.__version__.split(".")[:2])


def data(x, obs=None, **more) -> ad.AnnData:
    obs = pd.DataFrame(index=[f"cell {i}" for i in range(CELLS)]) if obs is None else obs
    var = pd.DataFrame({"chromosome": pd.Categorical(["1", "X"] * 3)}, index=[f"GENE{i}" for i in range(x.shape[1])])
    made = ad.AnnData(x, obs=obs, var=var, **more)
    if made.X.dtype != x.dtype:  # up to 0.8, anndata makes float32 of everything unless it is told otherwise
        made = ad.AnnData(x, obs=obs, var=var, dtype=x.dtype, **more)
    return made


def annotations() -> pd.DataFrame:
    n = np.arange(CELLS)
    table = {
        "category": pd.Categorical(np.array(["T cell", "B cell", "NK é"])[n % 3]),
        "category_missing": pd.Categorical([None if i % 4 == 1 else f"c{i % 3}" for i in n]),
        "category_ordered": pd.Categorical(np.array(["low", "high"])[n % 2], ["low", "high"], ordered=True),
        "category_of_numbers": pd.Categorical((n * 7) % 4),
        "category_unused": pd.Categorical(["a"] * CELLS, ["b", "a"]),
        "category_many": pd.Categorical([f"k{i:03}" for i in n], [f"k{i:03}" for i in range(200)]),
        "text_repeated": np.array(["x", "y"], dtype=object)[n % 2],
        "text": np.array([f"täxt {i}" for i in n], dtype=object),
        "true_or_false": n % 3 == 0,
        "float64": np.where(n % 5 == 0, np.nan, n / 3),
        "float32": (n / 3).astype("float32"),
        "größe in µm": n * 0.5,
    }
    table.update({kind: (n * 9).astype(kind) for kind in WHOLE})
    if VERSION == "0.6":  # it cannot read the letters that it has written
        table["text"] = np.array([f"text {i}" for i in n], dtype=object)
    return pd.DataFrame(table, index=[f"cell {i}" for i in n])


def nullable() -> pd.DataFrame:
    n = range(CELLS)
    table = {
        "maybe_true": pd.array([None if i % 3 == 1 else i % 2 == 0 for i in n], dtype="boolean"),
        "maybe_int": pd.array([None if i % 3 == 1 else i * 1000 for i in n], dtype="Int64"),
        "maybe_uint8": pd.array([None if i % 3 == 1 else i for i in n], dtype="UInt8"),
        "never_missing": pd.array(list(n), dtype="Int32"),
    }
    return pd.DataFrame(table, index=[f"cell {i}" for i in n])


def strings() -> pd.DataFrame:
    n = range(CELLS)
    maybe = pd.array([None if i % 3 == 1 else f"text {i}" for i in n], dtype="string")
    return pd.DataFrame({"maybe_text": maybe}, index=[f"cell {i}" for i in n])


def named(name: str) -> pd.DataFrame:
    table = annotations()[["category", "float64"]]
    table.index.name = name
    return table


def forms():
    """Name, data, how it is written, what is changed afterwards, where its counts are."""
    logs = np.log1p(COUNTS).astype("float32")
    for kind in WHOLE + ["float32", "float64"]:
        yield f"csr_{kind}", lambda kind=kind: data(sp.csr_matrix(COUNTS.astype(kind))), {}
    for kind in ["uint8", "int32", "float32", "float64"]:
        yield f"csc_{kind}", lambda kind=kind: data(sp.csc_matrix(COUNTS.astype(kind))), {}
    for kind in WHOLE + ["float16", "float32", "float64"]:
        yield f"dense_{kind}", lambda kind=kind: data(COUNTS.astype(kind)), {}
    csr = sp.csr_matrix(COUNTS.astype("float32"))
    for compression in ["gzip", "lzf"]:
        how = {"compression": compression}
        yield f"csr_{compression}", lambda: data(csr, annotations()), how
        yield f"csc_{compression}", lambda: data(csr.tocsc()), how
        yield f"dense_{compression}", lambda: data(csr.toarray()), how
    yield "csr_gzip9", lambda: data(csr), {"compression": "gzip", "compression_opts": 9}
    if hdf5plugin:
        for name, plugin in {"zstd": hdf5plugin.Zstd(), "lz4": hdf5plugin.LZ4()}.items():
            how = {"compression": plugin["compression"], "compression_opts": plugin["compression_opts"]}
            yield f"csr_{name}", lambda: data(csr, annotations()), how
            yield f"dense_{name}", lambda: data(csr.toarray()), how
    yield "csr_shuffle", lambda: data(csr), {"change": packed_again(shuffle=True, compression="gzip", chunks=(8,))}
    yield "csr_fletcher32", lambda: data(csr), {"change": packed_again(fletcher32=True, chunks=(8,))}
    if hdf5plugin:
        blosc = dict(hdf5plugin.Blosc(cname="lz4", shuffle=hdf5plugin.Blosc.SHUFFLE))
        yield "csr_blosc", lambda: data(csr), {"change": packed_again(chunks=(8,), **blosc)}
    yield "annotations", lambda: data(csr, annotations()), {}
    yield "nullable", lambda: data(csr, nullable()), {}
    yield "nullable_strings", lambda: data(csr, strings()), {}
    for name in ["barcode", "the cells", "index", "_index", "obs_names"]:
        yield f"index_{name.replace(' ', '_')}", lambda name=name: data(csr, named(name)), {}
    yield "no_columns", lambda: data(csr), {}
    yield "unreadable", lambda: data(csr, annotations()[["category", "float64"]]), {"change": unreadable}
    yield "layers", lambda: data(sp.csr_matrix(logs), layers={"counts": csr, "scaled": logs - 0.3}), {"counts": "layers/counts"}
    yield "layers_dense", lambda: data(logs, layers={"counts": COUNTS.astype("int32")}), {"counts": "layers/counts"}
    yield "raw", lambda: raw(csr), {"counts": "raw/X"}
    yield "raw_dense", lambda: raw(csr.toarray()), {"counts": "raw/X"}
    yield "no_counts", lambda: data(sp.csr_matrix(logs)), {}
    yield "more", more, {}


def raw(x) -> ad.AnnData:
    made = data(x, annotations()[["category"]])
    made.raw = made.copy()
    made = made[:, [4, 1]].copy()
    made.X = np.log1p(COUNTS[:, [4, 1]]).astype("float32") * 0.7 - 0.2
    return made


def more() -> ad.AnnData:
    """All that an import sets aside."""
    made = data(sp.csr_matrix(COUNTS.astype("float32")), annotations())
    made.obsm["X_pca"] = np.ones((CELLS, 3), dtype="float32")
    made.varm["loadings"] = np.ones((GENES, 2))
    made.uns["palette"] = np.array(["red", "blue"])
    made.uns["nested"] = {"n": 3, "name": "é", "matrix": sp.csr_matrix(np.eye(2))}
    return made


def packed_again(**how):
    def change(file) -> None:
        for name in ("data", "indices"):
            values, attributes = file[f"X/{name}"][:], dict(file[f"X/{name}"].attrs)
            del file[f"X/{name}"]
            file["X"].create_dataset(name, data=values, **how).attrs.update(attributes)

    return change


def unreadable(file) -> None:
    if isinstance(file["obs"], h5py.Group):
        del file["obs/float64"]
        file["obs"].create_dataset("float64", data=np.zeros(CELLS, dtype="complex64"))
        return
    table = file["obs"][:]
    kinds = [(name, "complex64" if name == "float64" else table.dtype[name]) for name in table.dtype.names]
    del file["obs"]
    file.create_dataset("obs", data=table.astype(kinds))


def plain(value):
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return None
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    return value


def column(series: pd.Series) -> list:
    entries = [plain(value) for value in series.astype(object)]
    # The names of categories are texts.
    if hasattr(series, "cat"):
        # (0.6 with the h5py of today reads them as bytes.)
        text = lambda entry: entry.decode() if isinstance(entry, bytes) else str(entry)
        entries = [None if entry is None else text(entry) for entry in entries]
    return entries


def read_back(path: Path, counts: str, skipped: list) -> dict:
    read = ad.read_h5ad(path)
    matrix, names = read.X, read.var_names
    if counts.startswith("raw"):
        matrix, names = read.raw.X, read.raw.var_names
    elif counts != "X":
        matrix = read.layers[counts.split("/")[1]]
    matrix = matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
    return {
        "counts": counts,
        "cells": list(read.obs_names),
        "genes": list(names),
        "values": matrix.astype("float64").tolist(),
        "columns": {name: column(read.obs[name]) for name in read.obs if name not in skipped},
        "skipped": skipped,
    }


def main(folder: Path) -> None:
    if hasattr(ad, "settings") and hasattr(ad.settings, "allow_write_nullable_strings"):
        ad.settings.allow_write_nullable_strings = True
    if hasattr(pd.options, "future") and hasattr(pd.options.future, "infer_string"):
        pd.options.future.infer_string = False
    expected, left_out = {}, []
    with tempfile.TemporaryDirectory() as scratch:
        for name, make, how in forms():
            how = dict(how)
            change, counts = how.pop("change", None), how.pop("counts", "X")
            counts = "raw.X" if (counts, VERSION) == ("raw/X", "0.6") else counts
            path = Path(scratch) / f"{VERSION}-{name}.h5ad"
            try:
                made = make()
                made.write_h5ad(path, **how) if hasattr(made, "write_h5ad") else made.write(path, **how)
                before = read_back(path, counts, ["float64"] if change is unreadable else [])
                if change:
                    with h5py.File(path, "r+") as file:
                        change(file)
                # What a change only packs otherwise, anndata reads again.
                expected[name] = before if change is unreadable else read_back(path, counts, [])
            except Exception as error:  # noqa: BLE001: any form may be beyond any version
                left_out.append(f"{name} ({type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''})")
                continue
            with open(folder / f"{path.name}.gz", "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
                packed.write(path.read_bytes())
    text = json.dumps(expected, ensure_ascii=False, separators=(",", ":")) + "\n"
    with open(folder / f"{VERSION}.json.gz", "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
        packed.write(text.encode())
    print(f"anndata {ad.__version__}: {len(expected)} forms; not {'; '.join(left_out) or 'none'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
