"""The parts that pages are put together from, in slimwheel/report/page."""

from importlib.resources import files

# What every page has in common, ahead of what is a page's own.
_BASE_STYLE = "base.css"


def page_file(name: str) -> str:
    """Return the text of a part."""
    return files("slimwheel.report").joinpath("page", name).read_text("utf-8")


def style(name: str) -> str:
    """Return the whole style of a page, by the name of its own part."""
    return f"{page_file(_BASE_STYLE)}\n{page_file(name)}"
