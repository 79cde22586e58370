"""Tensors as bytes: the safetensors format, and the memory of tensors and arrays."""
