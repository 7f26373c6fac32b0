"""Opens what `genil embed` wrote with anndata and scanpy: neighbours, UMAP, and that nothing else changed.

    python tools/check_embedding.py INPUT.h5ad OUTPUT.h5ad [LABEL]

With LABEL, an obs column, prints the share of cells whose ten nearest neighbours mostly have their label.
Needs scanpy and umap-learn.
"""

import sys
import warnings

import anndata as ad
import h5py
import numpy as np
import scanpy as sc

KEY = "X_genil"


def contents(file: h5py.File) -> dict:
    """Every dataset's raw values and attributes, but the embedding's."""
    found = {}

    def look(name: str, item) -> None:
        if name.endswith(f"obsm/{KEY}"):
            return
        attributes = {key: str(value) for key, value in item.attrs.items()}
        found[name] = (attributes, item[()] if isinstance(item, h5py.Dataset) else None)

    file.visititems(look)
    return found


def main(before: str, after: str, label: str | None = None) -> None:
    warnings.simplefilter("ignore")
    with h5py.File(before) as one, h5py.File(after) as other:
        a, b = contents(one), contents(other)
        assert set(b) - set(a) <= {"obsm"} and set(a) <= set(b), set(a) ^ set(b)
        for name, (attributes, values) in a.items():
            assert attributes == b[name][0], name
            same = np.asarray(values) if values is not None else None
            floats = same is not None and same.dtype.kind == "f"
            assert same is None or np.array_equal(same, np.asarray(b[name][1]), equal_nan=floats), name
        print(f"{len(a)} groups and datasets are as they were")
        print({key: str(value) for key, value in other[f"obsm/{KEY}"].attrs.items()})
    data = ad.read_h5ad(after)
    rows = data.obsm[KEY]
    assert rows.shape[0] == data.n_obs and np.isfinite(rows).all() and rows.dtype == np.float32
    sc.pp.neighbors(data, use_rep=KEY, n_neighbors=10)
    sc.tl.umap(data)
    assert np.isfinite(data.obsm["X_umap"]).all()
    print(f"{rows.shape[0]} cells × {rows.shape[1]}: neighbours and UMAP done")
    if label:
        labels = data.obs[label].astype(str).to_numpy()
        graph = data.obsp["distances"].tocsr()
        near = [labels[graph[i].indices] for i in range(data.n_obs)]
        share = np.mean([(n == own).mean() > 0.5 for n, own in zip(near, labels)])
        print(f"neighbours mostly of the own '{label}': {share:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
