"""Writes the golden files of crates/engine/tests/golden for small models and ragged batches: PyTorch's outputs, the
numbers of every block and their gradients, those of the parameters, and one step of Adam; computed in f64, stored as f32.

    python tools/golden/make.py crates/engine/tests/golden
"""

import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from model import Model
from safetensors.torch import save_file

CASES = {
    # name: (vocabulary, d, layers, heads, ffn, lengths of the cells, share masked)
    "paper": (40, 16, 3, 2, 24, [17, 9, 1, 30], 0.4),
    "wide": (23, 24, 2, 1, 40, [5, 12], 1.0),
    "single": (9, 8, 1, 1, 8, [1], 0.4),
}


def encoder_layer(layer, x, padding):
    """nn.TransformerEncoderLayer step by step, without dropout: B×T×d -> B×T×d and what is between, by name."""
    a = layer.self_attn
    split = lambda z: z.unflatten(-1, (a.num_heads, -1)).transpose(1, 2)  # noqa: E731
    qkv = F.linear(x, a.in_proj_weight, a.in_proj_bias)
    q, k, v = (split(z) for z in qkv.chunk(3, -1))
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(padding[:, None, None], -math.inf)
    context = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    attended = a.out_proj(context)
    x1 = layer.norm1(x + attended)
    hidden = F.relu(layer.linear1(x1))
    branch = layer.linear2(hidden)
    x2 = layer.norm2(x1 + branch)
    between = {"qkv": qkv, "context": context, "attended": attended, "x1": x1, "hidden": hidden, "branch": branch}
    return x2, between


def step_by_step(model, tokens, values, padding):
    """Model.forward, and every block's numbers by name; the two agree."""
    genes = model.gene_embedding(tokens)
    encoded = model.value_encoder(values.unsqueeze(-1))
    x, blocks, layers = genes + encoded, {"encoded": encoded}, []
    for i, layer in enumerate(model.encoder.layers):
        x, between = encoder_layer(layer, x, padding)
        blocks |= {f"{i}/{name}": tensor for name, tensor in between.items()}
        layers.append(x[:, 0])
    a1 = F.leaky_relu(model.value_head[0](x), 0.01)
    a2 = F.leaky_relu(model.value_head[2](a1), 0.01)
    query = model.cell_head(genes.detach())
    blocks |= {"a1": a1, "a2": a2, "query": query}
    for tensor in blocks.values():
        tensor.retain_grad()
    outputs = model.value_head[4](a2).squeeze(-1), (query @ x[:, :1].transpose(1, 2)).squeeze(-1), x[:, 0]
    expected = model(tokens, values, padding)
    for ours, theirs in zip(outputs[:2], expected[:2], strict=True):
        torch.testing.assert_close(ours[~padding], theirs[~padding])
    torch.testing.assert_close(outputs[2], expected[2])
    return outputs, torch.stack(layers), blocks


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

    (value, cell_value, embedding), classes, blocks = step_by_step(model, tokens, values.double(), ~real)
    target = targets[asked].double()
    weight = torch.linspace(-1, 1, embedding.numel(), dtype=torch.float32)
    loss = ((value[asked] - target) ** 2).mean() + ((cell_value[asked] - target) ** 2).mean()
    loss = loss + (embedding.flatten() * weight.double()).sum()
    layers_weight = torch.linspace(0.5, -0.7, classes.numel(), dtype=torch.float32)
    loss = loss + (classes.flatten() * layers_weight.double()).sum()
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
    tensors["loss/layers_weight"] = layers_weight
    for block, tensor in blocks.items():
        tensors[f"block/{block}"] = tensor[real].detach().float().contiguous()
        tensors[f"block_gradient/{block}"] = tensor.grad[real].float().contiguous()
    tensors["output/layers"] = classes.detach().float().flatten()
    tensors["output/value"] = value[asked].detach().float()
    tensors["output/cell_value"] = cell_value[asked].detach().float()
    tensors["output/embedding"] = embedding.detach().float().flatten()
    config = {"width": d, "layers": layers, "heads": heads, "ffn": ffn, "dropout": 0.0}
    save_file(tensors, folder / f"{name}.safetensors", {"config": json.dumps(config)})


if __name__ == "__main__":
    for name, settings in CASES.items():
        case(Path(sys.argv[1]), name, *settings)
