"""From an upstream wheel and a recipe to finished files: read, plan, write, check, rename."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from slimwheel.build.additions import Provenance, complete
from slimwheel.build.companion import write_companion, write_dev
from slimwheel.build.compression import Compression
from slimwheel.build.naming import output_names
from slimwheel.build.recorded import RecordedOptions
from slimwheel.build.workspace import publish, workspace
from slimwheel.build.writing import WrittenWheel, write_slim
from slimwheel.errors import CheckFailed, UsageError, WheelError
from slimwheel.files import file_sha256
from slimwheel.plan import Facts, Plan, RuleSummary, Switches, Targets, make_plan
from slimwheel.plan.failures import missing_rule
from slimwheel.recipe import LoadedRecipe
from slimwheel.recipe.patterns import Matcher
from slimwheel.shim import Manifest
from slimwheel.verify.findings import Code, Finding, Severity
from slimwheel.verify.smoke import Expected, Smoke, SmokeOutcome
from slimwheel.verify.static import check_wheel
from slimwheel.wheelfile.wheel import Wheel
from slimwheel.wheelfile.writer import FIRST_TIMESTAMP, LAST_TIMESTAMP

_NEEDS = (Code.NEEDED_MISSING, Code.VERSION_MISSING, Code.NEEDED_ELSEWHERE)


@dataclass(frozen=True)
class BuildOptions:
    """How to build.

    Attributes:
        output_dir: where the wheels go; made when it is not there.
        switches: rules turned on and off.
        targets: the GPUs that the result is for, where the recipe takes device code out.
        local: a local version segment; must be given where rules are switched.
        build_number: a build tag, for other bytes under the same version.
        dev: also write the dev wheel.
        force: replace outputs that differ.
        timestamp: the time that all files get, in seconds since 1970; None for that of
            `source_date_epoch`.
        compression: how libraries that change are compressed.
    """

    output_dir: Path
    switches: Switches = field(default_factory=Switches)
    targets: Targets = field(default_factory=Targets)
    local: str | None = None
    build_number: int | None = None
    dev: bool = False
    force: bool = False
    timestamp: int | None = None
    compression: Compression = Compression.FAST


class Progress(NamedTuple):
    """How far a step has come, in bytes of the upstream files that it deals with."""

    step: str
    done: int
    total: int


@dataclass(frozen=True)
class BuildReport:
    """What a build did. `outputs` are where they were put, the slim wheel first."""

    upstream: Path
    upstream_sha256: str
    upstream_size: int
    installed_before: int
    outputs: tuple[WrittenWheel, ...]
    summaries: tuple[RuleSummary, ...]
    warnings: tuple[str, ...]
    smoke: SmokeOutcome | None

    @property
    def slim(self) -> WrittenWheel:
        """The slim wheel."""
        return self.outputs[0]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        return {
            "schema": 1,
            "upstream": {
                "path": str(self.upstream),
                "sha256": self.upstream_sha256,
                "download": self.upstream_size,
                "installed": self.installed_before,
            },
            "outputs": [output.to_json() for output in self.outputs],
            "rules": [summary.to_json() for summary in self.summaries],
            "warnings": list(self.warnings),
            "smoke": {"ran": self.smoke.ran, "detail": self.smoke.detail} if self.smoke else None,
        }


def source_date_epoch() -> int:
    """Return the time that all files get: SOURCE_DATE_EPOCH, and 1980 without it or before.

    Raises:
        UsageError: the variable is no time that a zip file can hold.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not (text.isascii() and text.isdecimal()) or int(text) > LAST_TIMESTAMP:
        raise UsageError(
            f"SOURCE_DATE_EPOCH is {text!r}, not a time that a wheel can hold",
            hint="Set it to seconds since 1970, before the year 2108, or unset it.",
        )
    return max(int(text), FIRST_TIMESTAMP)


def plan_wheel(
    facts: Facts,
    loaded: LoadedRecipe,
    options: BuildOptions,
    *,
    sha256: Callable[[], str] | None = None,
) -> tuple[Plan, Provenance, Manifest]:
    """Make the complete plan of a build without writing anything.

    Args:
        sha256: returns the wheel's, where somebody else takes it.

    Raises:
        SlimwheelError: as `slimwheel.plan.make_plan`.
    """
    plan = make_plan(facts, loaded, options.switches, options.targets)
    recipe = plan.loaded.recipe
    code = plan.device_code
    timestamp = source_date_epoch() if options.timestamp is None else options.timestamp
    source = Provenance(
        wheel=facts.wheel,
        sha256=sha256() if sha256 else _sha256(facts.wheel.archive.path),
        names=output_names(
            facts.wheel,
            recipe,
            targets=code.segments if code else (),
            local=options.local,
            build_number=options.build_number,
        ),
        options=RecordedOptions.of(
            plan, local=options.local, timestamp=timestamp, compression=options.compression
        ).to_json(),
        timestamp=timestamp,
    )
    return plan, source, complete(plan, source)


def build_wheel(
    path: Path,
    loaded: LoadedRecipe,
    options: BuildOptions,
    *,
    sha256: str | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    smoke: Smoke | None = None,
) -> BuildReport:
    """Slim one wheel.

    Args:
        path: the upstream wheel; only read.
        loaded: the recipe.
        options: how.
        sha256: the wheel's, in hex, where whoever fetched it has made sure of it; None to take it.
        progress: told how far it is.
        smoke: how to import the result before it is put into place; None not to.

    Raises:
        SlimwheelError: every error of the road; nothing is left in the output directory then.
    """
    switches = options.switches.words
    if switches and not options.local:
        raise UsageError(
            f"{' '.join(switches)} makes another wheel under the same version",
            hint="Give its version a local segment: --local NAME.",
        )
    with (
        Wheel.open(path) as wheel,
        workspace(options.output_dir) as scratch,
        ThreadPoolExecutor(1, "hash") as beside,
    ):
        # Before the work: a Python that was named and is none ends the build here.
        python = smoke.python_for(wheel.name.tag) if smoke else None
        total = sum(member.size for member in wheel.members.values())
        progress(Progress("plan", 0, total))
        # Hashing does not hold the interpreter: the other processor takes it off the plan.
        hashed = beside.submit(lambda: sha256 or _sha256(path))
        with Facts(wheel, scratch) as facts:
            plan, source, manifest = plan_wheel(facts, loaded, options, sha256=hashed.result)
            done, total = 0, sum(decision.before for decision in plan.shipped)

            def advance(count: int) -> None:
                nonlocal done
                done += count
                progress(Progress("write", done, total))

            written = [write_slim(plan, source, facts, scratch, advance, options.compression)]
        wheel.archive.check_unchanged()
        written.append(write_companion(source.names, scratch))
        if options.dev:
            dev = write_dev(plan, source, manifest, scratch)
            written += [dev] if dev else []
        progress(Progress("check", total, total))
        warnings = [*plan.warnings, *_check(written, plan, wheel, scratch)]
        outcome = None
        if smoke and loaded.recipe.expect.imports:
            progress(Progress("import", total, total))
            outcome = smoke.run(
                [written[0].path, written[1].path],
                _expected(plan, options.output_dir),
                python,
                scratch,
                explain=lambda output: missing_rule(output, plan),
            )
        # The slim wheel last: where it is, what it requires is there, too.
        places = {
            result.path: options.output_dir / result.filename
            for result in (*written[1:], written[0])
        }
        publish(places, force=options.force, untouched=path)
    return BuildReport(
        upstream=path,
        upstream_sha256=source.sha256,
        upstream_size=path.stat().st_size,
        installed_before=plan.installed_before,
        outputs=tuple(result.at(options.output_dir) for result in written),
        summaries=tuple(plan.summaries),
        warnings=tuple(warnings),
        smoke=outcome,
    )


def _expected(plan: Plan, output_dir: Path) -> Expected:
    """Return what the slim wheel must do; slim wheels that it requires may be beside it."""
    expect = plan.loaded.recipe.expect
    matches = Matcher(expect.loads)
    return Expected(
        imports=expect.imports,
        loads=[d.member for d in plan.shipped if matches(d.member)],
        siblings=[
            requirement
            for requirement in plan.replaced_requirements.values()
            if "extra" not in requirement.partition(";")[2]
        ],
        beside=output_dir.absolute(),
    )


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise WheelError(f"cannot be read: {error.strerror}", file=path) from error


def _check(
    written: Sequence[WrittenWheel], plan: Plan, upstream: Wheel, scratch: Path
) -> list[str]:
    """Hold the results against what installers and loaders ask, and against the recipe's budget.

    Returns:
        Warnings, of what only the import can tell.
    """
    warnings: list[str] = []
    for result in written:
        findings = check_wheel(result.path, scratch, result.known)
        if ours := _ours(findings, upstream, scratch):
            raise failed(ours, result)
        if plan.dropped_requirements:
            warnings += _missed(findings)
    slim, expect = written[0], plan.loaded.recipe.expect
    for limit, size, what in (
        (expect.max_wheel, slim.size, "has"),
        (expect.max_installed, slim.installed_size, "takes, installed,"),
    ):
        if limit is not None and size > limit:
            raise CheckFailed(
                f"{what} {size:,} bytes where the recipe expects {limit:,} at most",
                file=slim.filename,
                hint="Remove more, or raise the recipe's [expect].",
            )
    return warnings


def failed(findings: Sequence[Finding], result: WrittenWheel) -> CheckFailed:
    """Return the error that says why a result is refused."""
    more = f" (and {len(findings) - 1} more)" if findings[1:] else ""
    return CheckFailed(f"{findings[0]}{more}", file=result.filename)


def _missed(findings: list[Finding]) -> list[str]:
    """Return a warning for every library that a requirement may have brought which was dropped."""
    missing = (finding for finding in findings if finding.code is Code.NEEDED_MISSING)
    return [f"{f.member} {f.message}; a dropped requirement may have brought it" for f in missing]


def _ours(findings: list[Finding], upstream: Wheel, scratch: Path) -> list[Finding]:
    """Return the findings that upstream's own wheel does not give: those are not ours to refuse.

    Notes are none either, but where what a library needs was in upstream's wheel.
    """
    files = {name.rpartition("/")[2] for name in upstream.members} if findings else set()
    findings = [
        f
        for f in findings
        if (f.subject in files if f.code in _NEEDS else f.code.severity is Severity.ERROR)
    ]
    if not findings:
        return []
    # Upstream is checked only now: it takes as long as the check of the result.
    known = {(f.code, f.member, f.subject) for f in check_wheel(upstream.archive.path, scratch)}
    return [f for f in findings if (f.code, f.member, f.subject) not in known]
