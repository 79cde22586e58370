"""slimwheel slims upstream PyTorch wheels.

`slimwheel.elf` is usable alone as a library; the command line lives in `slimwheel.cli`.
"""

from importlib.metadata import version

__version__ = version("slimwheel")
