"""slimwheel slims upstream PyTorch wheels.

`slimwheel.elf` is usable alone as a library; the command line lives in `slimwheel.cli`.
"""

__version__ = "0.1.0"
