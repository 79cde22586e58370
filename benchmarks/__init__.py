"""What slimwheel saves and costs, measured on real wheels against what the usual tools do.

`python -m benchmarks --help` is the way in; README.md says how it measures.
"""
