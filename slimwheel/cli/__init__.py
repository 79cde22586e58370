"""The command line: parse, call, show. One module a command; each is imported when it is used."""

from slimwheel.cli.main import main

__all__ = ["main"]
