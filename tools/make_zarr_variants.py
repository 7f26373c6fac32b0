"""Writes the twelve cells of make_h5ad_variants.py as Zarr folders of versions 2 and 3.

    python tools/make_zarr_variants.py crates/import/tests/data

Each variant is a packed folder (a folder of twelve cells has a hundred files). Every one is first read with anndata and
compared with what `expected.json` says. Needs anndata 0.12 and zarr 3, numcodecs, and what make_h5ad_variants.py needs.
"""

import gzip
import io
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path

import anndata as ad
import numcodecs
import numpy as np
import pandas as pd
import scipy.sparse as sp
import zarr
from make_h5ad_variants import CELLS, COUNTS, GENES, NAMES, SYMBOLS, data
from zarr import codecs as z3


def rewrite(group: zarr.Group, place: str, values=None, **how) -> None:
    """Writes an array again with other settings, its attributes kept."""
    old = group[place]
    values, attributes = old[...] if values is None else values, dict(old.attrs)
    del group[place]
    made = group.create_array(place, data=np.ascontiguousarray(values), **how)
    made.attrs.update(attributes)


def sparse_as(**how):
    def change(group: zarr.Group) -> None:
        for name in ("data", "indices"):
            rewrite(group, f"X/{name}", **how)

    return change


def dense_as(**how):
    return lambda group: rewrite(group, "X", **how)


def big_endian(group: zarr.Group) -> None:
    rewrite(group, "X", group["X"][...].astype(">f8"), chunks=(5, 4), compressors=None)
    rewrite(group, "obs/n", group["obs/n"][...].astype(">i8"))


def fixed_texts(group: zarr.Group) -> None:
    for place, kind in [("obs/_index", "S"), ("var/_index", "U"), ("obs/text", "U"), ("var/gene_ids", ">U")]:
        values = np.array(group[place][...].tolist(), dtype=kind[-1])
        rewrite(group, place, values.astype(values.dtype.newbyteorder(">")) if ">" in kind else values, chunks=(5,))


def legacy_categories(group: zarr.Group) -> None:
    """As anndata 0.7 wrote tables: codes in place, names under __categories, no encoding."""
    frame = group["obs"]
    for name in ("cell_type", "stage", "cluster", "donor"):
        codes, names = frame[f"{name}/codes"][...], frame[f"{name}/categories"][...]
        del frame[name]
        frame.create_array(f"__categories/{name}", data=names)
        frame.create_array(name, data=codes).attrs["categories"] = f"__categories/{name}"
    for name in ("maybe", "age"):
        del frame[name]
    frame.attrs["encoding-version"] = "0.1.0"
    frame.attrs["column-order"] = [n for n in frame.attrs["column-order"] if n not in ("maybe", "age")]


def codecs2() -> dict:
    """Settings of Zarr 2, one for each codec that is read."""
    made = {
        "none": dict(compressors=None),
        "zstd": dict(compressors=numcodecs.Zstd(level=9)),
        "gzip": dict(compressors=numcodecs.GZip(level=9)),
        "zlib": dict(compressors=numcodecs.Zlib(level=9)),
        "lz4": dict(compressors=numcodecs.LZ4()),
        "shuffle_zlib": dict(compressors=numcodecs.Zlib(), filters=[numcodecs.Shuffle(8)]),
        "slashes": dict(chunk_key_encoding=dict(name="v2", separator="/")),
    }
    for name in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
        for shuffle in (0, 1, 2):
            made[f"blosc_{name}_{shuffle}"] = dict(compressors=numcodecs.Blosc(cname=name, shuffle=shuffle))
    return made


def codecs3() -> dict:
    """The same for Zarr 3, and files of many chunks."""
    made = {
        "none": dict(compressors=None),
        "zstd": dict(compressors=z3.ZstdCodec(level=9, checksum=True)),
        "gzip": dict(compressors=z3.GzipCodec(level=9)),
        "numcodecs_zlib": dict(compressors=zarr.codecs.numcodecs.Zlib()),
        "numcodecs_lz4": dict(compressors=zarr.codecs.numcodecs.LZ4()),
        "numcodecs_shuffle": dict(compressors=[zarr.codecs.numcodecs.Shuffle(elementsize=8), z3.GzipCodec()]),
        "crc32c": dict(compressors=[z3.ZstdCodec(), z3.Crc32cCodec()]),
        "big_endian": dict(serializer=z3.BytesCodec(endian="big")),
        "dots": dict(chunk_key_encoding=dict(name="default", separator=".")),
        "v2_names": dict(chunk_key_encoding=dict(name="v2", separator=".")),
        "shards": dict(chunks=(40,), shards=(600,)),
        "shards_in_front": dict(
            chunks=(600,), compressors=None, filters=None,
            serializer=z3.ShardingCodec(
                chunk_shape=(120,), codecs=[z3.BytesCodec(endian="big"), z3.GzipCodec()],
                index_codecs=[z3.BytesCodec(endian="big")], index_location="start")),
    }
    for name in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
        for shuffle in ("noshuffle", "shuffle", "bitshuffle"):
            made[f"blosc_{name}_{shuffle}"] = dict(compressors=z3.BloscCodec(cname=name, shuffle=shuffle))
    return made


PACKED = 1000
KINDS = ["float64", "float32", "int32", "int64", "uint32", ">i4", "uint16", "uint64"]


def packed(path: Path, settings: dict) -> None:
    """Many cells whose annotations, all of the same numbers, are packed by one codec each: real blocks and streams."""
    n = np.arange(PACKED, dtype="int64")
    numbers = (n * n % 251 + n // 100 * 100).astype("float64")
    names = [f"c{i}" for i in range(PACKED)]
    obs = pd.DataFrame({name: numbers for name in settings} | {"text": names}, index=pd.Index(names))
    matrix = sp.csr_matrix((PACKED, 1), dtype="float32")
    ad.AnnData(matrix, obs=obs, var=pd.DataFrame(index=["G"])).write_zarr(path)
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    for i, (name, how) in enumerate(settings.items()):
        kind = "float64" if "shuffle" in name and "numcodecs" in name or name == "shuffle_zlib" else KINDS[i % len(KINDS)]
        values = numbers.astype(kind) if kind != "uint16" else numbers.astype("int64").astype("float32")
        rewrite(group, f"obs/{name}", values, **(dict(chunks=(700,)) | how))
    read = open_again(path)
    for name in settings:
        assert (read.obs[name] == numbers).all(), name


def holes(path: Path) -> None:
    """Chunks that are not there, and fill values that are not 0."""
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    rewrite(group, "X", chunks=(1, 3))
    for place, fill in [("obs/score", np.nan), ("obs/good", True), ("obs/cell_type/codes", -1), ("obs/n", 10_000_000_000)]:
        rewrite(group, place, chunks=(1,), fill_value=fill)
    text = group["obs/text"][...]
    rewrite(group, "obs/text", np.array(text.tolist(), dtype=zarr.dtype.VariableLengthUTF8().to_native_dtype()),
            chunks=(1,), fill_value=text[4])
    for missing in ("X/c/3/0", "obs/score/c/1", "obs/good/c/0", "obs/n/c/1", "obs/text/c/4", "obs/cell_type/codes/c/2"):
        assert not (path / missing).exists(), missing


def open_again(path: Path) -> ad.AnnData:
    """What anndata reads; its copy of all metadata is renewed first."""
    zarr.consolidate_metadata(path)
    return ad.read_zarr(path)


def compare(path: Path, expected_x: np.ndarray, place) -> None:
    read = open_again(path)
    found = place(read)
    found = found.toarray() if sp.issparse(found) else found
    assert (np.asarray(found) == expected_x).all(), path.name
    assert list(read.obs_names) == NAMES and read.shape[0] == CELLS, path.name
    assert (read.obs["text"].astype(str) == [f"note é {i}" for i in range(CELLS)]).all(), path.name


def pack(path: Path, folder: Path) -> None:
    """A tar archive with the same bytes whenever it is made."""
    with open(folder / f"{path.name}.tar.gz", "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as zipped:
        with tarfile.open(fileobj=zipped, mode="w") as out:
            for file in sorted(path.rglob("*")):
                if file.is_file():
                    it = tarfile.TarInfo(f"{path.name}/{file.relative_to(path)}")
                    it.size = file.stat().st_size
                    out.addfile(it, io.BytesIO(file.read_bytes()))


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    csr, csc = sp.csr_matrix(COUNTS), sp.csc_matrix(COUNTS)
    layered = data(sp.csr_matrix(np.log1p(COUNTS)))
    layered.layers["counts"] = csr
    raw = data(csr)
    raw.raw = raw.copy()
    raw = raw[:, [1, 3]].copy()
    raw.X = np.asarray(np.log1p(raw.X.todense())) - 0.1
    named = data(csr)
    named.obs.index.name, named.var.index.name = "barcode", "gene"

    x = lambda read: read.X
    fortran = dict(chunks=(5, 4), order="F")
    transposed = dict(chunks=(5, 4), filters=[z3.TransposeCodec(order=(1, 0))])
    shards = dict(chunks=(2, 3), shards=(6, 6), compressors=z3.BloscCodec(cname="lz4"))
    variants = {
        "zarr2_csr": (2, data(csr), None, x),
        "zarr2_csc": (2, data(csc), sparse_as(chunks=(7,), compressors=numcodecs.Zlib()), x),
        "zarr2_dense": (2, data(COUNTS), dense_as(chunks=(5, 4), compressors=None), x),
        "zarr2_dense_fortran": (2, data(COUNTS.astype("int16")), dense_as(**fortran), x),
        "zarr2_big_endian": (2, data(COUNTS), big_endian, x),
        "zarr2_layer_counts": (2, layered, None, lambda read: read.layers["counts"]),
        "zarr2_fixed_texts": (2, data(csr), fixed_texts, None),
        "zarr2_anndata07": (2, data(csr), legacy_categories, None),
        "zarr3_csr": (3, data(csr), None, x),
        "zarr3_csc_shards": (3, data(csc), sparse_as(chunks=(4,), shards=(20,)), x),
        "zarr3_dense_transposed": (3, data(COUNTS.astype("float64")), dense_as(**transposed), x),
        "zarr3_dense_shards": (3, data(COUNTS), dense_as(**shards), x),
        "zarr3_fixed_texts": (3, data(csr), fixed_texts, None),
        "zarr3_raw_counts": (3, raw, None, lambda read: read.raw.X),
        "zarr3_named_index": (3, named, None, x),
        "zarr3_ensembl_index": (3, data(csr, "ensembl"), None, x),
    }
    with tempfile.TemporaryDirectory() as scratch:
        for name, (version, made, change, place) in variants.items():
            path = Path(scratch) / f"{name}.zarr"
            ad.settings.zarr_write_format = version
            made.write_zarr(path)
            if change:
                change(zarr.open_group(path, mode="r+", use_consolidated=False))
            if place:
                compare(path, COUNTS, place)
            pack(path, folder)
        path = Path(scratch) / "zarr3_holes.zarr"
        data(COUNTS).write_zarr(path)
        holes(path)
        compare(path, COUNTS, x)
        pack(path, folder)
        for version, settings in [(2, codecs2()), (3, codecs3())]:
            path = Path(scratch) / f"packed{version}.zarr"
            ad.settings.zarr_write_format = version
            packed(path, settings)
            pack(path, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
