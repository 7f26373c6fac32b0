"""Writes the golden files of crates/engine/tests/golden: PyTorch's outputs, loss, gradients and one step of
Adam, for small models and ragged batches, computed in f64 and stored as f32.

    python tools/golden/make.py crates/engine/tests/golden
"""

import json
import sys
from pathlib import Path

import torch
from model import Model
from safetensors.torch import save_file

CASES = {
    # name: (vocabulary, d, layers, heads, ffn, lengths of the cells, share masked)
    "paper": (40, 16, 3, 2, 24, [17, 9, 1, 30], 0.4),
    "wide": (23, 24, 2, 1, 40, [5, 12], 1.0),
    "single": (9, 8, 1, 1, 8, [1], 0.4),
}


def case(folder, name, vocabulary, d, layers, heads, ffn, lengths, share):
    torch.manual_seed(20261122)
    model = Model(vocabulary, d, layers, heads, ffn, 0.0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        # Stored as f32, so that both sides start from the same numbers.
    start = {k: v.detach().clone().contiguous() for k, v in model.state_dict().items()}
    model = model.double()

    most = max(lengths)
    tokens = torch.zeros(len(lengths), most, dtype=torch.long)
    values = torch.zeros(len(lengths), most)
    asked = torch.zeros(len(lengths), most, dtype=torch.bool)
    for b, n in enumerate(lengths):
        tokens[b, 0] = 1
        tokens[b, 1:n] = 2 + torch.randperm(vocabulary - 2)[: n - 1]
        values[b, 1:n] = torch.log1p(torch.randint(1, 60, (n - 1,)).float())
        asked[b, 1:n] = torch.rand(n - 1) < share
    if not asked.any():
        asked[0, 0] = True
    targets = torch.rand(len(lengths), most) * 3
    values[asked] = -1.0
    real = tokens != 0

    value, cell_value, embedding = model(tokens, values.double(), ~real)
    target = targets[asked].double()
    weight = torch.linspace(-1, 1, embedding.numel(), dtype=torch.float32)
    loss = ((value[asked] - target) ** 2).mean() + ((cell_value[asked] - target) ** 2).mean()
    loss = loss + (embedding.flatten() * weight.double()).sum()
    adam = torch.optim.Adam(model.parameters(), lr=5e-4)
    loss.backward()
    gradients = {k: p.grad.detach().clone() for k, p in model.named_parameters()}
    adam.step()

    tensors = {f"parameter/{k}": v for k, v in start.items()}
    tensors |= {f"gradient/{k}": v.float().contiguous() for k, v in gradients.items()}
    tensors |= {f"after/{k}": v.detach().float().contiguous() for k, v in model.state_dict().items()}
    tensors["batch/tokens"] = tokens[real].to(torch.int32)
    tensors["batch/values"] = values[real]
    tensors["batch/asked"] = torch.nonzero(asked[real]).flatten().to(torch.int32)
    tensors["batch/lengths"] = torch.tensor(lengths, dtype=torch.int32)
    tensors["loss/targets"] = targets[asked]
    tensors["loss/embedding_weight"] = weight
    tensors["output/value"] = value[asked].detach().float()
    tensors["output/cell_value"] = cell_value[asked].detach().float()
    tensors["output/embedding"] = embedding.detach().float().flatten()
    config = {"width": d, "layers": layers, "heads": heads, "ffn": ffn, "dropout": 0.0}
    save_file(tensors, folder / f"{name}.safetensors", {"config": json.dumps(config)})


if __name__ == "__main__":
    for name, settings in CASES.items():
        case(Path(sys.argv[1]), name, *settings)
