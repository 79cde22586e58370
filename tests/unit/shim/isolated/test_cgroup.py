"""What control groups say, as Linux writes it."""

from pathlib import Path

import pytest

from slimwheel.shim.torch_ergonomics.isolated.cgroup import cpu_quota, oom_kills
from tests.unit.shim.conftest import write

V1 = "5:memory:/docker/one\n2:cpu,cpuacct:/docker/one\n"
V2 = "0::/user/one\n"
EVENTS = b"low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"


@pytest.mark.parametrize(
    ("listed", "files", "quota"),
    [
        (V2, {"user/one/cpu.max": b"150000 100000\n"}, 1.5),
        (V2, {"user/one/cpu.max": b"max 100000\n"}, None),
        # Those above limit it too.
        (V2, {"user/one/cpu.max": b"300000 100000\n", "user/cpu.max": b"100000 50000\n"}, 2),
        # In a container, where the group is the root.
        (V2, {"cpu.max": b"50000 100000\n"}, 0.5),
        (
            V1,
            {
                "cpu,cpuacct/docker/one/cpu.cfs_quota_us": b"250000\n",
                "cpu,cpuacct/docker/one/cpu.cfs_period_us": b"100000\n",
            },
            2.5,
        ),
        (
            V1,
            {
                "cpu,cpuacct/cpu.cfs_quota_us": b"-1\n",
                "cpu,cpuacct/cpu.cfs_period_us": b"100000\n",
            },
            None,
        ),
        (V1 + "0::/\n", {"unified/cpu.max": b"100000 100000\n"}, 1),
        ("", {}, None),
    ],
)
def test_cpu_quota(
    tmp_path: Path, listed: str, files: dict[str, bytes], quota: float | None
) -> None:
    write(tmp_path, files)
    (tmp_path / "list").write_text(listed)
    assert cpu_quota(str(tmp_path / "list"), str(tmp_path)) == quota


@pytest.mark.parametrize(
    ("listed", "files", "kills"),
    [
        (V2, {"user/one/memory.events": EVENTS, "memory.events": b"oom_kill 9\n"}, 2),
        (V1, {"memory/docker/one/memory.oom_control": b"under_oom 0\noom_kill 7\n"}, 7),
        (V1, {"memory/memory.oom_control": b"oom_kill_disable 0\nunder_oom 0\n"}, None),
        (V2, {}, None),
    ],
)
def test_oom_kills(tmp_path: Path, listed: str, files: dict[str, bytes], kills: int | None) -> None:
    write(tmp_path, files)
    (tmp_path / "list").write_text(listed)
    assert oom_kills(str(tmp_path / "list"), str(tmp_path)) == kills


def test_no_control_groups(tmp_path: Path) -> None:
    assert cpu_quota(str(tmp_path / "absent")) is None
    assert oom_kills(str(tmp_path / "absent")) is None
