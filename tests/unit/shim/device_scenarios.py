"""What a build with the code of some GPUs says of them; see scenarios.py for how this is run.

The package has made-up GPUs: torch.cuda.DEVICES, pairs of name and capability. What is an
exception there is raised.
"""

import importlib
import sys
import warnings
from pathlib import Path
from typing import Any

SITE = Path.cwd()
LOADED_AT_IMPORT = ["build", "devices", "neighbours", "where"]


def parts_of_the_shim() -> "list[str]":
    prefix = "torch._slimwheel."
    return sorted(name[len(prefix) :] for name in sys.modules if name.startswith(prefix))


def cuda_with(*devices: Any) -> Any:
    cuda = importlib.import_module("torch.cuda")
    vars(cuda)["DEVICES"] = devices
    return cuda


def warnings_of(function: Any) -> "list[warnings.WarningMessage]":
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        function()
    return list(seen)


def lists_what_is_left() -> None:
    import torch
    import torch.cuda

    assert parts_of_the_shim() == LOADED_AT_IMPORT, "the manifest is not needed"
    for upstream, left in (
        ("sm_75 sm_80 sm_86 sm_90 sm_100 compute_70", ["sm_80", "sm_90", "compute_70"]),
        ("sm_37 sm_80 compute_90 compute_80", ["sm_80"]),
        ("sm_90a sm_100a sm_9 sm_8", ["sm_90a"]),
        ("sm_75", []),
        ("", []),
    ):
        torch._C.FLAGS = upstream
        assert torch.cuda.get_arch_list() == left, (upstream, torch.cuda.get_arch_list())
    torch._C.FLAGS = None
    assert torch._C._cuda_getArchFlags() is None
    assert torch.cuda.get_arch_list() == []


def warns_for_another_package() -> None:
    cuda = cuda_with(("NVIDIA A100", (8, 0)), ("NVIDIA H100", (9, 0)))
    importlib.import_module("torchvision")
    seen = [str(warning.message) for warning in warnings_of(cuda.init)]
    # torch has code for both of them.
    (text,) = seen
    sys.stdout.write(text)
    assert not warnings_of(cuda.init)


def replaces_the_function_once() -> None:
    import torch

    function = torch._C._cuda_getArchFlags
    importlib.reload(torch)
    assert torch._C._cuda_getArchFlags is function
    importlib.reload(sys.modules["torch._slimwheel.devices"])
    importlib.reload(torch)
    assert torch._C._cuda_getArchFlags is function
    assert torch._C._cuda_getArchFlags() == "sm_80 sm_90"


def does_without_the_function() -> None:
    import torch

    assert not hasattr(torch._C, "_cuda_getArchFlags")


def leaves_other_builds_alone() -> None:
    cuda = cuda_with(("Tesla T4", (7, 5)))
    assert cuda.get_arch_list() == ["sm_75", "sm_80", "sm_90"]
    assert warnings_of(cuda.init) == []
    assert "devices" not in parts_of_the_shim()


def warns_of_each_device_once() -> None:
    cuda = cuda_with(
        ("NVIDIA A100", (8, 0)),
        ("Tesla T4", (7, 5)),
        ("NVIDIA A10", (8, 6)),
        ("Tesla T4", (7, 5)),
        ("NVIDIA Thor", (11, 0)),
    )
    seen = warnings_of(cuda.init)
    for warning in seen:
        assert issubclass(warning.category, RuntimeWarning)
        assert warning.category.__name__ == "SlimwheelWarning"
        assert Path(warning.filename).samefile(str(cuda.__file__)), warning.filename
    assert warnings_of(cuda._check_capability) == []
    assert cuda.CHECKS == 2, "the package's own check went on"
    sys.stdout.write("\n\n".join(str(warning.message) for warning in seen))


def warns_once_when_the_check_starts_it_all() -> None:
    cuda = cuda_with(("Tesla T4", (7, 5)), ("Tesla P4", (6, 1)))
    assert len(warnings_of(cuda._check_capability)) == 2
    assert cuda.CHECKS == 2, "once in it, when the capability was asked for"


def warns_of_a_device_without_a_name() -> None:
    cuda = cuda_with((RuntimeError("no name"), (7, 5)))
    (warning,) = warnings_of(cuda.init)
    assert str(warning.message).startswith("GPU0, of unknown name, has compute capability 7.5.")


def goes_on_after_a_device_that_does_not_answer() -> None:
    cuda = cuda_with(("Tesla P4", RuntimeError("it is gone")), ("Tesla T4", (7, 5)))
    (warning,) = warnings_of(cuda.init)
    assert str(warning.message).startswith("GPU1, Tesla T4, ")


def never_raises() -> None:
    check = importlib.import_module("torch._slimwheel").check_devices
    assert warnings_of(check) == [], "torch.cuda is not there yet"
    cuda = cuda_with(("Tesla T4", (7, 5)))
    right = {name: getattr(cuda, name) for name in ("device_count", "get_device_capability")}

    def fail(*_: object) -> None:
        raise RuntimeError("CUDA unknown error")

    for name, wrong in (
        ("device_count", fail),
        ("device_count", lambda: None),
        ("device_count", lambda: "1"),
        ("device_count", None),
        ("get_device_capability", fail),
        ("get_device_capability", lambda index: None),
        ("get_device_capability", lambda index: (7,)),
        ("get_device_capability", lambda index: ("a", "b")),
        ("get_device_capability", None),
    ):
        setattr(cuda, name, wrong)
        assert warnings_of(check) == [], name
        setattr(cuda, name, right[name])
    assert len(warnings_of(check)) == 1, "it had not looked before"


def obeys_a_filter_that_makes_errors_of_warnings() -> None:
    cuda = cuda_with(("Tesla T4", (7, 5)))
    texts = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            try:
                cuda.init()
            except RuntimeWarning as error:
                texts.append(str(error))
    assert ["Tesla T4" in text for text in texts] == [True, True], texts


if __name__ == "__main__":
    sys.path.insert(0, str(SITE))
    globals()[sys.argv[1]]()
