#!/bin/sh
# Makes one environment for each version of anndata (with the numpy and pandas of its time) and writes its forms:
#     tools/make_anndata_versions.sh [FOLDER FOR THE ENVIRONMENTS]
# Needs Python 3.11 and PyPI.
set -e
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$(mktemp -d)}
out="$here/../crates/import/tests/anndata"
mkdir -p "$out"
forms() {
    version=$1
    shift
    if [ ! -e "$folder/$version/done" ]; then
        python3.11 -m venv "$folder/$version"
        "$folder/$version/bin/pip" install --quiet "anndata==$version" "$@"
        touch "$folder/$version/done"
    fi
    "$folder/$version/bin/python" "$here/make_anndata_versions.py" "$out"
}
old="numpy==1.23.5 pandas==1.5.3 scipy==1.10.1 h5py==3.8.0 setuptools<70 natsort packaging hdf5plugin==4.1.3"
new="numpy==1.26.4 pandas==2.2.3 scipy==1.13.1 h5py==3.11.0 hdf5plugin==7.1.0"
# shellcheck disable=SC2086
{
    forms 0.6.22.post1 $old
    forms 0.7.8 $old
    forms 0.8.0 $old
    forms 0.10.9 $new
    forms 0.11.4 $new
    forms 0.12.19 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1 h5py==3.16.0 hdf5plugin==7.1.0
}
