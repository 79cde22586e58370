"""The road of a wheel, from an upstream file to finished files beside each other."""

from slimwheel.build.pipeline import BuildOptions, BuildReport, Progress, build_wheel, plan_wheel

__all__ = ["BuildOptions", "BuildReport", "Progress", "build_wheel", "plan_wheel"]
