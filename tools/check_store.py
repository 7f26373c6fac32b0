"""Opens a store with nothing but pyarrow and the standard library, and checks it.

    python tools/check_store.py STORE

Prints a line of JSON (cells, genes, values, sum, columns); fails with a message when the store
does not keep to what its manifest says. Needs pyarrow.
"""

import csv
import hashlib
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc


def main(folder: Path) -> None:
    manifest = json.loads((folder / "store.json").read_text())
    for file in manifest["files"]:
        found = hashlib.sha256((folder / file["name"]).read_bytes()).hexdigest()
        assert found == file["sha256"], f"{file['name']} has changed"

    with open(folder / "genes.csv", newline="") as text:
        genes = list(csv.DictReader(text))
    with open(folder / "panels.csv", newline="") as text:
        panels = list(csv.DictReader(text))
    assert [int(gene["id"]) for gene in genes] == list(range(manifest["genes"]))
    assert [row["symbol"] for row in panels] == [gene["symbol"] for gene in genes]

    annotations = [column["name"] for column in manifest["columns"]]
    cells, values, total, detected = 0, 0, 0.0, [0] * len(genes)
    for path in sorted(folder.glob("cells-*.arrow")):
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        assert table.column_names == ["cell_id", "panel", "gene_ids", "values", *annotations]
        cells += table.num_rows
        ids = pc.list_flatten(table["gene_ids"])
        numbers = pc.list_flatten(table["values"])
        assert len(ids) == len(numbers)
        values += len(ids)
        total += pc.sum(numbers).as_py() or 0.0
        for count in pc.value_counts(ids).to_pylist():
            detected[count["values"]] += count["counts"]
    assert (cells, values) == (manifest["cells"], manifest["values"])
    assert detected == [int(gene["cells"]) for gene in genes]
    print(json.dumps(dict(cells=cells, genes=len(genes), values=values, sum=total, columns=annotations)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
