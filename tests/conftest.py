"""Real upstream wheels, fetched by requirement and kept in slimwheel's cache between runs."""

from pathlib import Path

import pytest

from slimwheel.fetch import IndexOptions, fetch

# Where PyTorch publishes its CPU builds, which PyPI does not have.
_CPU_INDEX = IndexOptions(extra_index_url=("https://download.pytorch.org/whl/cpu",))


def _upstream(
    requirement: str,
    python: str,
    platform: str,
    sha256: str,
    index: IndexOptions = IndexOptions(),  # noqa: B008 - frozen
) -> Path:
    wheel = fetch(requirement, python=python, platform=platform, index=index)
    # Everything measured on this wheel holds for these bytes and no others.
    assert wheel.sha256 == sha256, f"{requirement} is not the wheel that the tests were written for"
    return wheel.path


@pytest.fixture(scope="session")
def torch_cpu_upstream() -> Path:
    """torch 2.13.0, the official CPU build: 192 MB."""
    return _upstream(
        "torch==2.13.0+cpu",
        "3.11",
        "manylinux_2_28_x86_64",
        "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
        _CPU_INDEX,
    )


@pytest.fixture(scope="session")
def torch_cuda_upstream() -> Path:
    """torch 2.14.1 for CUDA 13: 555 MB."""
    return _upstream(
        "torch==2.14.1",
        "3.11",
        "manylinux_2_28_x86_64",
        "305a61f61f35f128579f299c5bd33d475f6a01c6307336139632e30856c4854d",
    )


@pytest.fixture(scope="session")
def torch_100_upstream() -> Path:
    """torch 1.0.0 for Python 3.6 and CUDA 9.0: 592 MB."""
    return _upstream(
        "torch==1.0.0",
        "3.6",
        "manylinux1_x86_64",
        "012a9c7efce86c7a0ce78cd7945fe7c798049537fc3e85af9f14e8789d13c17f",
    )


@pytest.fixture(scope="session")
def torchvision_cuda() -> Path:
    """torchvision 0.29.1, built for CUDA: what PyPI has for torch 2.14.1."""
    return _upstream(
        "torchvision==0.29.1",
        "3.11",
        "manylinux_2_28_x86_64",
        "2cb678029a5dd45afbbfa662fce49736827d52be33242b5a8a731e0db02ccdf5",
    )


@pytest.fixture(scope="session")
def torchvision_cuda_028() -> Path:
    """torchvision 0.28.0, built for CUDA, for torch 2.13.0."""
    return _upstream(
        "torchvision==0.28.0",
        "3.11",
        "manylinux_2_28_x86_64",
        "7e80f543b22503d9415e126db5f0ff3917036925e38560ee6b9ae38c571a4002",
    )


@pytest.fixture(scope="session")
def torchvision_021() -> Path:
    """torchvision 0.2.1, which is Python alone, for torch 1.0."""
    return _upstream(
        "torchvision==0.2.1",
        "3.6",
        "manylinux1_x86_64",
        "ba0a5e7fa1646d4e7f2e5ad5802d123e17e42a1a9c026d0f79d2fd3a976afba1",
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """The golden plans' switch; here, for pytest reads options from this file only."""
    parser.addoption("--update-golden", action="store_true", help="write the golden plans anew")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many of the tests worked on real upstream wheels."""
    for outcome in ("passed", "failed", "skipped"):
        reports = terminalreporter.stats.get(outcome, [])
        count = sum("wheels" in report.keywords for report in reports)
        if count:
            terminalreporter.write_line(f"on real upstream wheels: {count} {outcome}")
