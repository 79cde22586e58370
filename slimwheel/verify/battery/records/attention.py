"""Attention and transformers: fused kernels, masks, and the fast path of inference."""

from typing import Any

import torch

from ..inputs import normal, with_gradients
from ..registry import record

FUSED = "torch.nn.functional.scaled_dot_product_attention"
SHAPE = (2, 4, 33, 16)


def heads(dtype: str) -> Any:
    return [normal(*SHAPE, dtype=dtype) for _ in range(3)]


@record("attention.fused.{}", each=("float32", "float64", "bfloat16"), needs=FUSED)
def fused(dtype: str) -> object:
    return with_gradients(torch.nn.functional.scaled_dot_product_attention, *heads(dtype))


@record("attention.causal", needs=FUSED)
def causal() -> object:
    def attend(*inputs: Any) -> Any:
        return torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)

    return with_gradients(attend, *heads("float32"))


@record("attention.masked", needs=FUSED)
def masked() -> object:
    attend = torch.nn.functional.scaled_dot_product_attention
    boolean, additive = torch.rand(33, 33) > 0.2, normal(33, 33)
    inputs = heads("float32")
    return [attend(*inputs, attn_mask=mask) for mask in (boolean, additive)]


@record("attention.dropout", needs=FUSED)
def dropout() -> object:
    return torch.nn.functional.scaled_dot_product_attention(*heads("float32"), dropout_p=0.25)


@record("attention.backends.{}", each=("MATH", "FLASH_ATTENTION"), needs="torch.nn.attention")
def backends(name: str) -> object:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(getattr(SDPBackend, name)):
        return torch.nn.functional.scaled_dot_product_attention(*heads("float32"))


@record("attention.multihead", needs="torch.nn.MultiheadAttention")
def multihead() -> object:
    layer = torch.nn.MultiheadAttention(24, 4, dropout=0.1)
    return with_gradients(layer, normal(9, 2, 24), normal(7, 2, 24), normal(7, 2, 24))


@record("attention.encoder", needs="torch.nn.TransformerEncoderLayer")
def encoder() -> object:
    layer = torch.nn.TransformerEncoderLayer(24, 4, 48, dropout=0.1)
    return with_gradients(layer, normal(9, 2, 24))


@record("attention.fast_path", needs=(FUSED, "torch.nn.TransformerEncoder"))
def fast_path() -> object:
    layer = torch.nn.TransformerEncoderLayer(24, 4, 48, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    padded = torch.zeros(3, 9, dtype=torch.bool)
    padded[1, 6:] = True
    with torch.no_grad():
        return [model(normal(3, 9, 24)), model(normal(3, 9, 24), src_key_padding_mask=padded)]


@record("attention.transformer", needs="torch.nn.Transformer")
def transformer() -> object:
    model = torch.nn.Transformer(16, 2, 1, 1, 32)
    return with_gradients(model, normal(6, 2, 16), normal(5, 2, 16))
