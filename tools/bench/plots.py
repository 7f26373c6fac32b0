"""The plots of docs/performance.md: the cost of a step as the sizes grow, and the roofline of a REF step.

    python tools/bench/plots.py --bin target/release/examples --out docs/plots

Writes cost.svg, roofline.svg and plots.json, the numbers behind them. Needs matplotlib and torch (which measures the
memory's bandwidth), and `cargo build --release -p genil-engine --example bench_step`.
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

import matplotlib
import torch

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "genil", "font.size": 9}

WIDE = [(d, {"cells": 8, "model": {"width": d, "ffn": d, "heads": d // 32}}) for d in (64, 128, 256, 512)]
SWEEPS = {
    # axis: (settings of each point)
    "T, tokens a cell (8,192 in all)": [(n + 1, {"genes": n, "cells": 8192 // n}) for n in (128, 256, 512, 1024, 2048, 4095)],
    "d, width (heads of 32)": WIDE,
    "encoder layers": [(n, {"cells": 4, "model": {"layers": n}}) for n in (1, 2, 4, 6, 12)],
    "V, vocabulary": [(n, {"cells": 8, "vocabulary": n}) for n in (2_000, 20_000, 60_697, 200_000)],
    "B, cells a step": [(n, {"cells": n}) for n in (1, 2, 4, 8, 16, 32)],
}


def measure(arguments, settings):
    command = [arguments.bin / "bench_step", json.dumps(settings | {"steps": arguments.steps, "threads": arguments.threads})]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def bandwidth(threads):
    """Bytes a second of a sum over more numbers than any cache holds, the best of five."""
    torch.set_num_threads(threads)
    numbers = torch.ones(100_000_000)
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        numbers.sum()
        best = max(best, 4 * numbers.numel() / (time.perf_counter() - start))
    return best


def parts_of_ref(report):
    """GFLOP and GB of the parts of a REF step (docs/performance.md says what they move), and what was reached."""
    rows, asked, d, heads, t = 16 * 513, 16 * 206, 256, 8, 513
    matrix = 4e-9 * rows * d
    layers, last = 5, asked / rows
    full = layers + last
    linear = 2e-9 * rows * d * d
    attention = 4e-9 * rows * t * d * full
    work = {
        "q, k, v": (linear * (2 * 6 + last + layers), matrix * (6 + 2 * 6 + full)),
        "attention": (attention, matrix * (2 * 6 + 2 * full)),
        "after attention": (linear * 3 * full, matrix * 6 * full),
        "attention backward": (2.5 * attention, matrix * (4 * 6 + 3 * full)),
        "after attention backward": (linear * 3 * full, matrix * 10 * full),
        "weights, and q, k, v backward": (linear * (4 * 6 + 5 * full), matrix * (4 * 6 + 15 * full)),
    }
    ms = dict(report["parts_ms"])
    return {name: {"gflop": f, "gb": b, "ms": ms[name]} for name, (f, b) in work.items()}


def draw_cost(points, out):
    figure, axes = plt.subplots(1, len(points), figsize=(13, 2.9), sharey=False)
    for axis, (name, values) in zip(axes, points.items()):
        axis.plot([v["at"] for v in values], [v["ms_a_cell"] for v in values], "o-", color="#205080")
        axis.set(xlabel=name, xscale="log", yscale="log")
        axis.set_xticks([v["at"] for v in values], [f"{v['at']:,}" for v in values], rotation=60)
        axis.minorticks_off()
        low, high = min(v["ms_a_cell"] for v in values), max(v["ms_a_cell"] for v in values)
        axis.set_ylim(low / 1.6, high * 1.6)
        axis.set_yticks([low, high], [f"{low:.1f}", f"{high:.1f}"])
    axes[0].set_ylabel("ms a cell")
    figure.tight_layout()
    figure.savefig(out / "cost.svg", metadata={"Date": None})


def draw_roofline(parts, peak, stream, out):
    figure, axis = plt.subplots(figsize=(6.5, 4))
    knee = peak / stream
    axis.plot([1, knee, 1000], [stream, peak, peak], color="#333333")
    axis.text(1.2, stream * 1.6, f"memory, {stream:.0f} GB/s", rotation=38)
    axis.text(knee * 1.3, peak * 1.08, f"fused multiply–adds, {peak:.0f} GFLOP/s")
    for (name, p), marker in zip(parts.items(), "osD^v<>"):
        axis.plot(p["gflop"] / p["gb"], p["gflop"] / p["ms"] * 1e3, marker, color="#205080", label=name)
    axis.legend(loc="lower right", frameon=False, fontsize=8)
    axis.set(xscale="log", yscale="log", xlabel="FLOP a byte", ylabel="GFLOP/s", xlim=(1, 1000), ylim=(stream, peak * 1.5))
    figure.tight_layout()
    figure.savefig(out / "roofline.svg", metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=Path("target/release/examples"))
    parser.add_argument("--out", type=Path, default=Path("docs/plots"))
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--draw-only", action="store_true", help="draw the numbers of OUT/plots.json again")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if not arguments.draw_only:
        numbers = measure_all(arguments)
        (arguments.out / "plots.json").write_text(json.dumps(numbers, indent=1) + "\n")
    numbers = json.loads((arguments.out / "plots.json").read_text())
    draw_cost(numbers["cost"], arguments.out)
    draw_roofline(numbers["ref"], numbers["peak_gflops"], numbers["bandwidth_gb"], arguments.out)


def measure_all(arguments):
    points = {}
    for name, sweep in SWEEPS.items():
        for at, settings in sweep:
            report = measure(arguments, settings)
            seconds = statistics.median(report["step_seconds"])
            cell = {"at": at, "ms_a_cell": 1e3 * seconds / settings.get("cells", 16), "share": report["share_of_peak"]}
            points.setdefault(name, []).append(cell)
    report = measure(arguments, {"steps": 4})
    parts, peak, stream = parts_of_ref(report), report["peak_gflops"], bandwidth(arguments.threads) / 1e9
    return {"threads": arguments.threads, "peak_gflops": peak, "bandwidth_gb": stream, "ref": parts, "cost": points}


if __name__ == "__main__":
    main()
