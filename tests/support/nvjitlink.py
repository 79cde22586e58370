"""Whether NVIDIA's own linker finds an image for a device in a container: no GPU is asked.

libnvJitLink chooses among the images of a container as the driver does, as far as was measured:
the same major version and no newer a device, else PTX. It answers for what it is told to link
for: `sm_90` is code for 9.0 and whatever comes behind it, and takes no image for sm_90a, which a
9.0 device does run. So a device is asked about by its most specific name, `sm_90a`; from 9.0 on
that is what a GPU is.

Run as a program, this is the process that the library is loaded into, for it may crash.
"""

import ctypes
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

FOUND = "found"
NONE = "none"
REFUSED = "refused"
"""There is an image for the device's family, but it cannot be made one for this device: of torch's
cubins for 10.0 most cannot for 10.3, with the answer that a device without any image gets too."""

_FATBIN = 4
_INVALID_INPUT = 3


class Question(NamedTuple):
    """A container, by its place in a file, and a device, `sm_90a`."""

    file: Path
    start: int
    end: int
    device: str


def device_name(major: int, minor: int) -> str:
    """Return what a GPU is called here: architectures from 9.0 on have images of their own."""
    return f"sm_{major}{minor}" + ("a" if (major, minor) >= (9, 0) else "")


def accepted(nvjitlink: Path, questions: Sequence[Question], *, seconds: float = 600) -> list[str]:
    """Ask about containers, a thousand a second where no PTX has to be compiled.

    Args:
        nvjitlink: the library; see `nvidia_tools`.
        questions: any number.
        seconds: for all of them; PTX takes up to several each.

    Returns:
        For each question FOUND, NONE, REFUSED, "unknown device", "error N" with the first line of
        the linker's message, or "signal N" where the library crashed.
    """
    answers: list[str] = []
    while len(answers) < len(questions):
        rows = [[str(q.file), q.start, q.end, q.device] for q in questions[len(answers) :]]
        done = subprocess.run(
            [sys.executable, __file__, str(nvjitlink)],
            input=json.dumps(rows),
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        answers += done.stdout.splitlines()
        if done.returncode < 0:
            answers.append(f"signal {-done.returncode}")
        else:
            assert done.returncode == 0, done.stderr
    assert len(answers) == len(questions)
    return answers


class _Linker:
    """The library's functions: each release has names of its own, and keeps the older ones."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        major = re.search(r"\.so\.(\d+)", path)
        assert major is not None, path
        self._release = f"{major[1]}_0"

    def _function(self, name: str) -> Any:
        return self._library[f"__nvJitLink{name}_{self._release}"]

    def answer(self, container: bytes, device: str) -> str:
        handle = ctypes.c_void_p()
        options = (ctypes.c_char_p * 1)(f"-arch={device}".encode())
        if self._function("Create")(ctypes.byref(handle), 1, options):
            return "unknown device"
        size = ctypes.c_size_t(len(container))
        code = self._function("AddData")(handle, _FATBIN, container, size, b"container")
        message = self._message(handle)
        self._function("Destroy")(ctypes.byref(handle))
        if code == 0:
            return FOUND
        if code == _INVALID_INPUT:
            # All that tells the two apart.
            return NONE if "bad input" in message else REFUSED
        return f"error {code} {message}".splitlines()[0]

    def _message(self, handle: ctypes.c_void_p) -> str:
        size = ctypes.c_size_t()
        self._function("GetErrorLogSize")(handle, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value + 1)
        self._function("GetErrorLog")(handle, text)
        return text.value.decode(errors="replace")


def _main() -> None:
    linker = _Linker(sys.argv[1])
    for file, start, end, device in json.load(sys.stdin):
        with Path(file).open("rb") as stream:
            stream.seek(start)
            container = stream.read(end - start)
        # Each at once: the next may be the last.
        sys.stdout.write(linker.answer(container, device) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
