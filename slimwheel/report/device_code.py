"""Device code as people look at it: by library and by what it is for."""

from collections.abc import Sequence

from rich.table import Table

from slimwheel.report.sizes import megabytes, share
from slimwheel.verify.device_code import LibraryDeviceCode


def device_code_table(libraries: Sequence[LibraryDeviceCode]) -> Table:
    """Return the images of every library by target, and their bytes."""
    table = Table(
        "library", "target", "images", "size", "of the file", box=None, pad_edge=False,
        header_style="bold",
    )  # fmt: skip
    for column in table.columns[2:]:
        column.justify = "right"
    for library in libraries:
        containers = ", ".join(
            f"{n:,} containers {s}".rstrip() for s, n in library.sections.items()
        )
        empty = f" ({library.empty:,} empty)" if library.empty else ""
        total = library.total
        table.add_row(
            library.name,
            "cannot be read" if library.trouble else containers + empty or "no device code",
            f"{total.images:,}",
            megabytes(total.size),
            share(total.size, library.size),
            style="bold",
        )
        for target, part in library.shares.items():
            table.add_row(
                "", target, f"{part.images:,}", megabytes(part.size), share(part.size, library.size)
            )
    return table
