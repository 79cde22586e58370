"""What there is to say of one wheel: static findings, and how it runs beside its upstream."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slimwheel.files import file_sha256
from slimwheel.verify.findings import Code, Finding, Severity
from slimwheel.verify.static import check_wheel

if TYPE_CHECKING:  # It takes as long to load as all else, and most wheels are not run.
    from slimwheel.verify.against import RunningReport

SCHEMA = 1


class FindingGroup(NamedTuple):
    """One thing found in one or more members, in the order of the wheel."""

    code: Code
    message: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Verification:
    """The result of verifying a wheel.

    Attributes:
        path: the wheel.
        size: its bytes.
        sha256: in hexadecimal.
        findings: of the codes that were asked for.
        upstream: what it was compared with, None where it was not run.
        running: how it ran, None where it was not run.
    """

    path: Path
    size: int
    sha256: str
    findings: tuple[Finding, ...]
    upstream: Path | None = None
    running: "RunningReport | None" = None

    @property
    def errors(self) -> int:
        """How many findings are more than notes."""
        return sum(finding.code.severity is Severity.ERROR for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong and nothing that ran differs."""
        return not self.errors and (self.running is None or self.running.ok)

    @property
    def groups(self) -> list[FindingGroup]:
        """The findings, those together that say the same of several members; by code."""
        members: dict[tuple[Code, str], list[str]] = defaultdict(list)
        for finding in self.findings:
            members[finding.code, finding.message] += [finding.member] if finding.member else []
        return sorted(FindingGroup(*key, tuple(names)) for key, names in members.items())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "wheel": {"path": str(self.path), "size": self.size, "sha256": self.sha256},
            "findings": [finding.to_json() for finding in self.findings],
            "upstream": str(self.upstream) if self.upstream else None,
            "running": self.running.to_json() if self.running else None,
        }


def verified(path: Path, codes: frozenset[Code]) -> Verification:
    """Check a wheel without running it.

    Args:
        path: the wheel.
        codes: the findings to report.

    Raises:
        OSError: the file cannot be read.
    """
    sha256 = file_sha256(path)
    found: Sequence[Finding] = [f for f in check_wheel(path) if f.code in codes]
    return Verification(path, path.stat().st_size, sha256, tuple(found))
