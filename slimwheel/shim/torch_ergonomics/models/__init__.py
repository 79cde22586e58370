"""Portable models: a network's source and weights in one archive, without pickle."""
