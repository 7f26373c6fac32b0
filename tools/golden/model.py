"""The model as a PyTorch module: what the engine is compared with, in values and in speed."""

import torch
from torch import nn


class Model(nn.Module):
    """`vocabulary` rows, `d` width; names and shapes are those of the engine's parameters."""

    def __init__(self, vocabulary, d, layers, heads, ffn, dropout):
        super().__init__()
        self.gene_embedding = nn.Embedding(vocabulary, d, padding_idx=0)
        self.value_encoder = nn.Sequential(nn.Linear(1, d), nn.ReLU(), nn.Linear(d, d))
        layer = nn.TransformerEncoderLayer(d, heads, ffn, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers)
        leaky = nn.LeakyReLU(0.01)
        self.value_head = nn.Sequential(nn.Linear(d, d), leaky, nn.Linear(d, d), leaky, nn.Linear(d, 1))
        self.cell_head = nn.Sequential(nn.Linear(d, d), leaky, nn.Linear(d, d), leaky, nn.Linear(d, d))

    def forward(self, tokens, values, padding=None):
        """B×T tokens and values -> B×T predictions of both heads, B×d cell embeddings."""
        genes = self.gene_embedding(tokens)
        x = genes + self.value_encoder(values.unsqueeze(-1))
        y = self.encoder(x, src_key_padding_mask=padding)
        value = self.value_head(y).squeeze(-1)
        query = self.cell_head(genes.detach())
        cell_value = torch.bmm(query, y[:, :1].transpose(1, 2)).squeeze(-1)
        return value, cell_value, y[:, 0]
