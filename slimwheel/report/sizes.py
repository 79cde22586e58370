"""Sizes as people read them: MB is 10^6 bytes."""


def megabytes(count: float) -> str:
    """Return a size in MB with one decimal, in kB below 100 kB, in GB from 10 GB."""
    if abs(count) < 100_000:
        return f"{count / 1e3:.1f} kB"
    if abs(count) >= 1e10:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB"


def share(part: int, whole: int) -> str:
    """Return a part of a whole in percent."""
    return f"{100 * part / whole:.0f} %" if whole else "-"
