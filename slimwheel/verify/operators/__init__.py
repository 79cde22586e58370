"""PyTorch's own operator database, run on the torch that is here: every operator with its samples.

Runs on the wheel's own Python, with torch, numpy and what the database imports. How workers are
watched, their journal and the digest of values are the battery's.
"""
