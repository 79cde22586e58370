"""Environments in which pip installed wheels and all that these require, with bytecode.

That of an untouched upstream is kept in slimwheel's cache: a CUDA wheel's dependencies are 4.4 GB.

    environments/<key>/             the environment
    environments/<key>/complete     written last: without it the environment is made anew
    environments/<key>.lock         held by the process that makes it
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from slimwheel.fetch.cache import default_directory
from slimwheel.files import file_sha256
from slimwheel.verify.environments import Environment, create_environment
from slimwheel.wheelfile.wheel import Wheel

# torch imports it where it is there, without requiring it.
_ALSO = ["numpy"]


def upstream_environment(
    wheel: Path, python: Path, *, cache_dir: Path | None = None
) -> Environment:
    """Return an environment with a wheel as its upstream made it, from the cache or made now.

    The same wheel and interpreter find it again. It is shared: do not change it.

    Args:
        wheel: upstream's.
        python: the interpreter that it is for.
        cache_dir: None for slimwheel's own cache.

    Raises:
        ToolError: the installation failed.
    """
    question = [file_sha256(wheel), str(python.resolve()), requirements_of([wheel])]
    key = hashlib.sha256(json.dumps(question).encode()).hexdigest()[:16]
    place = (cache_dir or default_directory()).absolute() / "environments" / key
    place.parent.mkdir(parents=True, exist_ok=True)
    complete = place / "complete"
    with place.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(place, ignore_errors=True)
            pip_environment(place, [wheel], python)
            complete.touch()
    return Environment(place, place / "bin" / "python", "pip")


def pip_environment(
    place: Path, wheels: Sequence[Path], python: Path, *, versions: Sequence[str] = ()
) -> Environment:
    """Make an environment with wheels, with what they require, and what they use where it is.

    Args:
        place: the directory to make.
        wheels: installed together, from these files.
        python: the interpreter that they are for.
        versions: requirements that bind whatever is installed besides, such as `numpy==2.4.6`.

    Raises:
        ToolError: an installation failed.
    """
    environment = create_environment(place, python, installer="pip")
    environment.install(*wheels, deps=False, offline=True)
    constraints = place / "constraints.txt"
    constraints.write_text("".join(f"{version}\n" for version in versions))
    # Where a marker does not hold, pip leaves the requirement out.
    environment.install(*requirements_of(wheels), options=["--constraint", str(constraints)])
    return environment


def requirements_of(wheels: Sequence[Path]) -> list[str]:
    """Return what wheels require of others, and what they use where they find it."""
    required = []
    for path in wheels:
        with Wheel.open(path) as wheel:
            required += wheel.metadata.get_all("Requires-Dist")
    return [*required, *_ALSO]
