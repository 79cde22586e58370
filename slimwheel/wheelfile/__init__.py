"""A wheel as an archive: names and tags, members, RECORD, METADATA, raw copy and writing.

Knows nothing of ELF, CUDA or torch. Formats: the binary distribution format (PyPA), PEP 427,
PEP 376 for RECORD, and APPNOTE.TXT 6.3.10 for zip.
"""
