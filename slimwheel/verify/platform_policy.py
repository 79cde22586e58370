"""What a platform tag promises that every machine has: libraries, and versions of their symbols.

The data are auditwheel's, which keeps them for all manylinux platforms.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version


@dataclass(frozen=True)
class PlatformPolicy:
    """The policy of one platform tag. Plain `linux_*` tags promise nothing, so all is accepted."""

    name: str
    libraries: frozenset[str] | None
    versions: dict[str, frozenset[str]]

    @classmethod
    def of(cls, platforms: Iterable[str]) -> "PlatformPolicy":
        """Return the policy of the first platform that auditwheel knows."""
        # Here and not above: auditwheel takes a tenth of a second to import.
        from auditwheel.architecture import Architecture
        from auditwheel.libc import Libc
        from auditwheel.policy import WheelPolicies

        names = list(platforms)
        policies = WheelPolicies(libc=Libc.GLIBC, arch=Architecture.x86_64)
        for policy in policies:
            if policy.name.startswith("linux_") or not {policy.name, *policy.aliases} & set(names):
                continue
            return cls(policy.name, policy.whitelist, dict(policy.symbol_versions))
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
