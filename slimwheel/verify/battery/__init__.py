"""What a torch computes, as hashes: scripts that run on that torch's own Python.

`python run.py --output records.json` needs nothing but the standard library and torch (numpy
where it is installed), so that it works in an environment without slimwheel. Valid Python 3.6.
"""
