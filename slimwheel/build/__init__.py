"""The road of a wheel, from an upstream file to finished files beside each other."""

from slimwheel.build.compression import Compression
from slimwheel.build.pipeline import BuildOptions, BuildReport, Progress, build_wheel, plan_wheel
from slimwheel.build.runtime import build_runtime

__all__ = [
    "BuildOptions",
    "BuildReport",
    "Compression",
    "Progress",
    "build_runtime",
    "build_wheel",
    "plan_wheel",
]
