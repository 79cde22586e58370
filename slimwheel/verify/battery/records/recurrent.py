"""Recurrent layers."""

import torch

from ..inputs import normal, with_gradients
from ..registry import record, since


@record("recurrent.{}", each=("RNN", "LSTM", "GRU"))
def layers(kind: str) -> object:
    layer = getattr(torch.nn, kind)(7, 12, num_layers=2)
    return with_gradients(layer, normal(9, 4, 7))


@record("recurrent.bidirectional.{}", each=("RNN", "LSTM", "GRU"))
def bidirectional(kind: str) -> object:
    layer = getattr(torch.nn, kind)(7, 12, bidirectional=True, batch_first=True).double()
    return with_gradients(layer, normal(4, 9, 7, dtype="float64"))


@record("recurrent.projection", needs=since("1.8"))
def projection() -> object:
    return with_gradients(torch.nn.LSTM(7, 12, proj_size=5), normal(9, 4, 7))


@record("recurrent.packed")
def packed() -> object:
    rnn = torch.nn.utils.rnn
    layer = torch.nn.LSTM(7, 12, num_layers=2, dropout=0.3)
    sequences = rnn.pack_padded_sequence(normal(9, 4, 7), torch.tensor([9, 6, 6, 1]))
    output, state = layer(sequences)
    return [rnn.pad_packed_sequence(output), state]


@record("recurrent.cells")
def cells() -> object:
    values = normal(4, 7)
    kinds = (torch.nn.RNNCell, torch.nn.LSTMCell, torch.nn.GRUCell)
    return [with_gradients(kind(7, 12), values) for kind in kinds]
