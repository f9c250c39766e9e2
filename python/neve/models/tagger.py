"""A tagger of words: embeddings, LSTM layers, a linear layer for each word."""

from __future__ import annotations

from .. import nn
from ..nn._core import Tensor


class LSTMTagger(nn.Module):
    """Words i64[N, L] to scores f32[N, L, tagset_size].

    Names are those of PyTorch's tutorial on sequence models: word_embeddings, lstm, hidden2tag. Source: Huang et al., 2015.
    """

    def __init__(
        self,
        embedding_dim: int,
        hidden_dim: int,
        vocab_size: int,
        tagset_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(
            embedding_dim, hidden_dim, num_layers, batch_first=True, dropout=dropout, bidirectional=bidirectional
        )
        self.hidden2tag = nn.Linear(hidden_dim * (2 if bidirectional else 1), tagset_size)

    def forward(self, sentence: Tensor) -> Tensor:
        y, _ = self.lstm(self.word_embeddings(sentence))
        return self.hidden2tag(y)
