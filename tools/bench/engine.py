"""Our engine against PyTorch, interleaved in one run on this machine.

    python tools/bench/engine.py target/release/examples/bench_step [--rounds 3] [--json out.json] [--only ref ...]

Each round runs our side (its own process) and each PyTorch variant once, in turn, so that what else the
machine does falls on all of them. Figures are seconds a step: minimum, median, maximum over all rounds.
Needs torch and numpy; `bench_step` is `cargo build --release -p genil-engine --example bench_step`.
"""

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "golden"))
from model import Model  # noqa: E402

PAPER = {"width": 256, "layers": 6, "heads": 8, "ffn": 256, "dropout": 0.15}
LARGE = {"width": 512, "layers": 12, "heads": 8, "ffn": 512, "dropout": 0.15}
VOCABULARY = 60_697
# Genes expressed in real cells, at most 512: a quarter of them fewer, as in human tissue.
RAGGED = [512, 512, 361, 512, 508, 143, 512, 512, 287, 512, 512, 89, 512, 430, 512, 512]

CASES = {
    # name: (model, genes of each cell, variants of PyTorch, our extra settings)
    "ref": (PAPER, [512] * 16, ["eager"], {}),
    "no dropout": (PAPER | {"dropout": 0.0}, [512] * 16, ["eager", "compile"], {}),
    "ragged": (PAPER, RAGGED, ["eager"], {}),
    "forward only": (PAPER, [512] * 16, ["eval"], {"forward_only": True}),
    "large": (LARGE, [1200] * 4, ["eager"], {}),
    "one thread": (PAPER, [512] * 16, [], {"threads": 1}),
}


class Torch:
    """A PyTorch model and batch, padded to the longest cell of the case."""

    def __init__(self, config, genes, variant):
        c = config
        self.model = Model(VOCABULARY, c["width"], c["layers"], c["heads"], c["ffn"], c["dropout"])
        self.variant = variant
        most = 1 + max(max(genes), 512)
        generator = torch.Generator().manual_seed(1)
        self.tokens = torch.zeros(len(genes), most, dtype=torch.long)
        self.values = torch.zeros(len(genes), most)
        self.masked = torch.zeros(len(genes), most, dtype=torch.bool)
        for b, n in enumerate(genes):
            self.tokens[b, 0] = 1
            self.tokens[b, 1 : n + 1] = 2 + torch.randperm(VOCABULARY - 2, generator=generator)[:n]
            counts = (1 / (torch.rand(n, generator=generator) + 0.02)).floor()
            self.values[b, 1 : n + 1] = torch.log1p(counts)
            self.masked[b, 1 : n + 1] = torch.rand(n, generator=generator) < 0.4
        self.values[self.masked] = -1.0
        padding = self.tokens == 0
        self.padding = padding if padding.any() else None
        self.adam = torch.optim.Adam(self.model.parameters(), lr=5e-4)
        self.forward = torch.compile(self.model) if variant == "compile" else self.model
        if variant == "eval":
            self.model.eval()
        self.step()

    def step(self):
        if self.variant == "eval":
            with torch.inference_mode():
                self.model(self.tokens, self.values, self.padding)
            return
        value, cell_value, _ = self.forward(self.tokens, self.values, self.padding)
        target = torch.full_like(value[self.masked], math.log(3))
        loss = torch.nn.functional.mse_loss(value[self.masked], target)
        loss = loss + torch.nn.functional.mse_loss(cell_value[self.masked], target)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()

    def seconds(self, steps):
        result = []
        for _ in range(steps):
            start = time.perf_counter()
            self.step()
            result.append(time.perf_counter() - start)
        return result


def ours(binary, config, genes, extra, steps, threads):
    settings = {"lengths": genes, "vocabulary": VOCABULARY, "steps": steps, "threads": threads, "model": config}
    command = [binary, json.dumps(settings | extra)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def spread(seconds):
    return {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}


def run(name, arguments):
    config, genes, variants, extra = CASES[name]
    reports, seconds = [], {variant: [] for variant in variants}
    for _ in range(arguments.rounds):
        reports.append(ours(arguments.binary, config, genes, extra, arguments.steps, arguments.threads))
        for variant in variants:
            # Made anew each round: PyTorch's memory must not be held while ours runs.
            seconds[variant] += Torch(config, genes, variant).seconds(max(1, arguments.steps // 2))
    own = spread([s for r in reports for s in r["step_seconds"]])
    best = max(reports, key=lambda r: r["share_of_peak"])
    result = {
        "case": name,
        "ours": own,
        "torch": {variant: spread(s) for variant, s in seconds.items()},
        "cells_per_second": len(genes) / own["median"],
        "gflops": statistics.median(r["gflops"] for r in reports),
        "peak_gflops": best["peak_gflops"],
        "share_of_peak": statistics.median(r["share_of_peak"] for r in reports),
        "best_share_of_peak": best["share_of_peak"],
        "buffer_bytes": best["buffer_bytes"],
        "peak_resident_bytes": best["peak_resident_bytes"],
        "parts_ms": best["parts_ms"],
    }
    if seconds:
        result["ratio"] = min(s["median"] for s in result["torch"].values()) / own["median"]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{platform.processor() or platform.machine()}, {arguments.threads} threads, torch {torch.__version__}")
    print(f"{'case':<14}{'who':<10}{'min s':>8}{'median':>8}{'max':>8}{'cells/s':>9}{'ratio':>7}{'of peak':>9}")
    results = []
    for name in arguments.only:
        result = run(name, arguments)
        results.append(result)
        cells = len(CASES[name][1])
        rows = [("genil", result["ours"])] + list(result["torch"].items())
        for who, s in rows:
            ratio = "" if who == "genil" else f"{s['median'] / result['ours']['median']:.2f}"
            share = f"{result['share_of_peak']:.1%}" if who == "genil" else ""
            print(
                f"{name:<14}{who:<10}{s['min']:>8.3f}{s['median']:>8.3f}{s['max']:>8.3f}"
                f"{cells / s['median']:>9.2f}{ratio:>7}{share:>9}",
                flush=True,
            )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
