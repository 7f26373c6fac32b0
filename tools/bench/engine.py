"""The table of docs/performance.md: our engine against PyTorch, in turn on this machine, one row after the other.

    python tools/bench/engine.py --json engine.json --plan plan.toml     # all rows
    python tools/bench/engine.py --json engine.json --rows 1 3           # some; the others stay as they are in the file
    python tools/bench/engine.py --json engine.json --rows               # none: print what the file holds

Each round of a row runs each side once, in turn, so that what else the machine does falls on all of them.
Figures are the minimum, median and maximum over all steps of all rounds; ratios are those of medians. Row 9 and row 4's
loss want real cells, those of a plan (--plan); without one they are left out.

Needs torch and numpy, and `cargo build --release -p genil-engine -p genil-data --examples`.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "golden"))
from model import Model  # noqa: E402

VOCABULARY = 60_697
PAPER = {"width": 256, "layers": 6, "heads": 8, "ffn": 256, "dropout": 0.15}
DRY = PAPER | {"dropout": 0.0}
SCGPT = {"width": 512, "layers": 12, "heads": 8, "ffn": 512, "dropout": 0.15}
REF = [512] * 16
# Sixteen cells that stand for the blood and bone marrow of corpus_human_mix, at most 512 genes each, as
# `bench_tokens` prints them: the middles of sixteen equal parts of all cells, by the number of their genes.
REAL = [234, 326, 403, 465] + [512] * 12


def program(command):
    """What a program of ours prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Ours:
    """Our side: its own process each time, so that nothing of PyTorch's is in its memory."""

    def __init__(self, arguments, genes, model, **extra):
        settings = {"lengths": genes, "vocabulary": VOCABULARY, "steps": arguments.steps, "model": model}
        self.command = [arguments.bin / "bench_step", json.dumps(settings | {"threads": arguments.threads} | extra)]
        self.reports = []

    def run(self):
        self.reports.append(json.loads(program(self.command)))
        return self.reports[-1]["step_seconds"]

    def median(self, what):
        return statistics.median(r[what] for r in self.reports)


class Torch:
    """A PyTorch model and batch, padded to the longest cell."""

    def __init__(self, arguments, genes, c, variant):
        self.model = Model(VOCABULARY, c["width"], c["layers"], c["heads"], c["ffn"], c["dropout"])
        self.variant, self.steps = variant, arguments.torch_steps
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

    def run(self):
        seconds = []
        for _ in range(self.steps):
            start = time.perf_counter()
            self.step()
            seconds.append(time.perf_counter() - start)
        return seconds


def spread(numbers):
    return {"min": min(numbers), "median": statistics.median(numbers), "max": max(numbers)}


def in_turn(arguments, sides):
    """Seconds a step of each side, by name."""
    seconds = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        for name, side in sides.items():
            seconds[name] += side.run()
    return {name: spread(s) for name, s in seconds.items()}


def against(what, target, genes, model, variants, **extra):
    """A row: ours against the best of PyTorch's variants."""

    def row(arguments):
        sides = {"genil": Ours(arguments, genes, model, **extra)}
        sides |= {variant: Torch(arguments, genes, model, variant) for variant in variants}
        seconds = in_turn(arguments, sides)
        ratio = min(seconds[v]["median"] for v in variants) / seconds["genil"]["median"]
        return {"what": what, "unit": "s a step", "sides": seconds, "figure": ratio, "target": target, "sign": "×"}

    return row


def share_of_peak(arguments):
    ours = Ours(arguments, REF, PAPER)
    seconds = in_turn(arguments, {"genil": ours})
    return {
        "what": "REF, share of the f32 peak",
        "unit": "s a step",
        "sides": seconds,
        "figure": 100 * ours.median("share_of_peak"),
        "target": 60,
        "sign": "%",
        "peak_gflops": ours.median("peak_gflops"),
        "gflops": ours.median("gflops"),
        "parts_ms": ours.reports[-1]["parts_ms"],
    }


def bf16(arguments):
    sides = {"bf16": Ours(arguments, REF, PAPER | {"precision": "bf16"}), "f32": Ours(arguments, REF, PAPER)}
    seconds = in_turn(arguments, sides)
    row = {
        "what": "REF in bf16, against our f32",
        "unit": "s a step",
        "sides": seconds,
        "figure": seconds["f32"]["median"] / seconds["bf16"]["median"],
        "target": 1.5,
        "sign": "×",
    }
    if arguments.plan:
        with tempfile.TemporaryDirectory() as folder:
            cells = Path(folder) / "cells"
            program([arguments.bin / "bench_tokens", arguments.plan, "1", cells])
            losses = program([arguments.bin / "loss_by_precision", cells, "500", "4"])
        row["loss"] = json.loads(losses.splitlines()[-1])
    return row


def memory(arguments):
    ours = Ours(arguments, REF, PAPER)
    ours.run()
    report = ours.reports[0]
    beyond = (report["peak_resident_bytes"] - 3 * report["parameter_bytes"]) / 1e6
    return {
        "what": "REF, peak memory beyond parameters and moments",
        "unit": "MB",
        "sides": {"genil": spread([beyond])},
        "figure": beyond,
        "target": 400,
        "sign": "MB",
        "resident": report["peak_resident_bytes"] / 1e6,
        "buffers": report["buffer_bytes"] / 1e6,
    }


def tokens(arguments):
    if not arguments.plan:
        return None
    command = [arguments.bin / "bench_tokens", arguments.plan, str(2 * arguments.rounds)]
    report = json.loads(program(command))
    rates = spread(report["cells_per_second"])
    return {
        "what": "tokens drawn, one thread",
        "unit": "cells/s",
        "sides": {"genil": rates},
        "figure": rates["median"],
        "target": 50_000,
        "sign": "cells/s",
    }


def threads(arguments):
    sides = {f"{n} threads": Ours(arguments, REF, PAPER, threads=n) for n in (1, 2)}
    seconds = in_turn(arguments, sides)
    ratio = seconds["1 threads"]["median"] / seconds["2 threads"]["median"]
    return {"what": "one thread to two", "unit": "s a step", "sides": seconds, "figure": ratio, "target": 1.9, "sign": "×"}


ROWS = {
    1: against("REF, f32, against eager", 7, REF, PAPER, ["eager"]),
    2: against("dropout 0, against eager and compile", 2.2, REF, DRY, ["eager", "compile"]),
    3: share_of_peak,
    4: bf16,
    5: against("real cells, against padding to 512", 8, REAL, PAPER, ["eager"]),
    6: against("forward only, against eval mode", 3, REF, PAPER, ["eval"], forward_only=True),
    7: memory,
    8: against("scGPT's size, against eager", 5, [1200] * 4, SCGPT, ["eager"]),
    9: tokens,
    10: threads,
}


def show(rows):
    print("| # | what | side | min | median | max | figure | target | |")
    print("|---|---|---|---|---|---|---|---|---|")
    for number, row in rows.items():
        reached = row["figure"] <= row["target"] if row["sign"] == "MB" else row["figure"] >= row["target"]
        figure = f"{row['figure']:,.0f}" if row["figure"] >= 1000 else f"{row['figure']:.3g}"
        words = [f"{figure} {row['sign']}", f"{row['target']:,} {row['sign']}", "reached" if reached else "missed"]
        if "loss" in row:
            words[0] += f"; loss {100 * row['loss']['apart']:+.2f} % after {row['loss']['steps']} steps"
        for i, (side, s) in enumerate(row["sides"].items()):
            digits = 0 if row["unit"] != "s a step" else 3
            numbers = [f"{s[k]:,.{digits}f}" for k in ("min", "median", "max")]
            first = [str(number), f"{row['what']} ({row['unit']})"] if i == 0 else ["", ""]
            print("| " + " | ".join(first + [side] + numbers + (words if i == 0 else ["", "", ""])) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--bin", type=Path, default=Path("target/release/examples"), help="where the examples are")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4, help="of ours in a round")
    parser.add_argument("--torch-steps", type=int, default=1, help="of PyTorch's in a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--plan", help="a plan whose cells row 9 and row 4's loss are about")
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    results = json.loads(arguments.json.read_text()) if arguments.json.exists() else {"rows": {}}
    results["machine"] = {
        "processor": platform.processor() or platform.machine(),
        "threads": arguments.threads,
        "torch": torch.__version__,
    }
    for number in arguments.rows:
        row = ROWS[number](arguments)
        if row is not None:
            results["rows"][str(number)] = row
            results["rows"] = dict(sorted(results["rows"].items(), key=lambda item: int(item[0])))
            arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    show(results["rows"])


if __name__ == "__main__":
    main()
