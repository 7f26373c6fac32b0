"""Writes the twelve cells of make_h5ad_variants.py as lists of tokens in Parquet that Zstandard has packed.

    python tools/make_parquet_variants.py crates/import/tests/data

genil reads such pages with code of its own, which no Rust writer can test. Needs pyarrow, and what make_zarr_variants.py
needs.
"""

import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from make_h5ad_variants import CELLS, COUNTS, ENSEMBL, NAMES, SYMBOLS, obs
from make_zarr_variants import pack


def write(folder: Path) -> None:
    folder.mkdir()
    tokens = [100 + 3 * i for i in range(len(SYMBOLS))]
    genes = pa.table(dict(token_id=tokens, gene_symbol=SYMBOLS, ensembl_id=ENSEMBL))
    pq.write_table(genes, folder / "gene_metadata.parquet", compression="zstd")
    table = obs()
    cells = pa.table(
        dict(
            cell_id=NAMES,
            genes=pa.array([[t for t, n in zip(tokens, row) if n > 0] for row in COUNTS], pa.list_(pa.int64())),
            expressions=pa.array([[n for n in row if n > 0] for row in COUNTS], pa.list_(pa.float32())),
            cell_type=pa.array([None if v != v else v for v in table["cell_type"]]),
            donor=pa.array(table["donor"].tolist()).dictionary_encode(),
            text=table["text"].tolist(),
            score=pa.array([None if v != v else v for v in table["score"]]),
        )
    )
    # Levels stand outside of what is packed in version 2; in version 1 they are in it.
    for part, version in enumerate(["1.0", "2.0"]):
        half = cells.slice(part * CELLS // 2, CELLS // 2)
        how = dict(compression="zstd", data_page_version=version, row_group_size=4, write_page_checksum=True)
        pq.write_table(half, folder / f"part-{part}.parquet", **how)


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "tokens_zstd"
        write(path)
        pack(path, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
