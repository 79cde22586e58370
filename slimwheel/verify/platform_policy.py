"""What a platform tag promises that every machine has: libraries, and versions of their symbols.

The data are auditwheel's, which keeps them for all manylinux platforms.
"""

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import Any, NamedTuple

from packaging.version import InvalidVersion, Version

_ARCHITECTURE = "x86_64"


class PlatformPolicy(NamedTuple):
    """The policy of one platform tag. Plain `linux_*` tags promise nothing, so all is accepted."""

    name: str
    libraries: frozenset[str] | None
    versions: dict[str, frozenset[str]]

    @classmethod
    def of(cls, platforms: Iterable[str]) -> "PlatformPolicy":
        """Return the policy of the newest of the platforms that auditwheel knows."""
        names = list(platforms)
        for policy in _policies():
            versions = policy["symbol_versions"].get(_ARCHITECTURE)
            tags = [f"{name}_{_ARCHITECTURE}" for name in (policy["name"], *policy["aliases"])]
            if versions is not None and not set(names).isdisjoint(tags):
                return cls(
                    tags[0],
                    frozenset(policy["lib_whitelist"]),
                    {prefix: frozenset(numbers) for prefix, numbers in versions.items()},
                )
        return cls(", ".join(names), None, {})

    def has_library(self, soname: str) -> bool:
        """Whether every machine of the platform has a library."""
        return self.libraries is None or soname in self.libraries or soname.startswith("ld-linux")

    def has_version(self, version: str) -> bool:
        """Whether every machine of the platform has a symbol version, such as GLIBC_2.17."""
        if self.libraries is None:
            return True
        prefix, _, number = version.partition("_")
        known = self.versions.get(prefix)
        if known is None:
            return True
        if number in known:
            return True
        try:
            return Version(number) <= max(map(Version, known))
        except (InvalidVersion, ValueError):
            return False


@cache
def _policies() -> list[dict[str, Any]]:
    """Return auditwheel's policies, the newest platform first.

    They are read from its data. Its modules would do it too, but read ELF files as well, and take
    longer to import than most wheels take to check.
    """
    data = files("auditwheel") / "policy" / "manylinux-policy.json"
    return sorted(json.loads(data.read_text("utf-8")), key=itemgetter("priority"))
