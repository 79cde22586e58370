"""What programs do that has to do with CUDA: how a torch answers where there is none.

`python probes.py [NAME...]` runs each probe in a process of its own and prints one JSON object:
`torch` (its version), and `probes`, which holds for each the result's repr, "ExceptionType: first
line of the message", "absent" where this torch is older than what the probe uses, or "signal N"
where it killed the process. Two torches are compared by comparing these texts.

Runs on the Python of the torch that is looked at, 3.6 and newer: the standard library and torch.
"""

import importlib
import io
import json
import os
import re
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

PROBES: "dict[str, Callable[[], Any]]" = {}
SECONDS = 120


class Absent(Exception):
    """This torch is older than what the probe uses."""


def probe(function: "Callable[[], Any]") -> "Callable[[], Any]":
    PROBES[function.__name__] = function
    return function


def attribute(path: str) -> Any:
    """Something in torch, by its name behind `torch.`."""
    found: Any = torch
    for name in path.split("."):
        parent = getattr(found, "__name__", "")
        if not hasattr(found, name):
            try:
                importlib.import_module(f"{parent}.{name}")
            except ImportError:
                raise Absent(path) from None
        found = getattr(found, name)
    return found


def call(path: str, *arguments: Any, **options: Any) -> Any:
    return attribute(path)(*arguments, **options)


def calling(path: str, *arguments: Any, **options: Any) -> None:
    """A probe that does nothing but call something in torch."""
    name = path.replace(".", "_")
    PROBES[name] = lambda: call(path, *arguments, **options)


# State of CUDA.
for _path in (
    "cuda.is_available",
    "cuda.device_count",
    "cuda.current_device",
    "cuda.get_device_name",
    "cuda.get_device_properties",
    "cuda.get_device_capability",
    "cuda.get_arch_list",
    "cuda.get_gencode_flags",
    "cuda.init",
    "cuda.is_initialized",
    "cuda._lazy_init",
    "cuda._is_compiled",
    "cuda.synchronize",
    "cuda.cudart",
    "cuda.current_stream",
    "cuda.default_stream",
    "cuda.current_blas_handle",
    "cuda.is_bf16_supported",
    "cuda.is_current_stream_capturing",
    "cuda.get_sync_debug_mode",
    "cuda.utilization",
    "cuda.is_tf32_supported",
    "cuda.gds.is_available",
    "cuda.graph_pool_handle",
    "cuda.tunable.is_enabled",
):
    calling(_path)
calling("cuda.set_device", 0)
calling("cuda.can_device_access_peer", 0, 0)


@probe
def cuda_device_as_context() -> Any:
    with torch.cuda.device(0):
        return "entered"


@probe
def cuda_stream_none_as_context() -> Any:
    with torch.cuda.stream(None):
        return "entered"


# Memory of GPUs.
for _path in (
    "cuda.empty_cache",
    "cuda.ipc_collect",
    "cuda.memory_allocated",
    "cuda.max_memory_allocated",
    "cuda.memory_reserved",
    "cuda.memory_stats",
    "cuda.memory_summary",
    "cuda.memory_snapshot",
    "cuda.mem_get_info",
    "cuda.reset_peak_memory_stats",
    "cuda.list_gpu_processes",
    "cuda.host_memory_stats",
    "cuda.get_allocator_backend",
    "cuda.MemPool",
):
    calling(_path)
calling("cuda.set_per_process_memory_fraction", 0.5)
calling("cuda.caching_allocator_alloc", 512)
calling("cuda.memory._record_memory_history")


# Random numbers.
calling("cuda.manual_seed", 1)
calling("cuda.manual_seed_all", 1)
for _path in (
    "cuda.seed",
    "cuda.initial_seed",
    "cuda.get_rng_state",
    "cuda.get_rng_state_all",
):
    calling(_path)


@probe
def manual_seed() -> Any:
    return torch.manual_seed(3).initial_seed(), torch.rand(1).item()


@probe
def fork_rng() -> Any:
    with attribute("random.fork_rng")():
        torch.rand(1)
    return "left"


@probe
def generator_on_cuda() -> Any:
    return call("Generator", device="cuda")


# Classes of torch.cuda.
calling("cuda.Stream")
calling("cuda.ExternalStream", 1)
calling("cuda.CUDAGraph")
calling("cuda.FloatTensor", 2)
calling("cuda.FloatStorage", 2)


@probe
def cuda_event() -> Any:
    event = torch.cuda.Event()
    event.record()
    return event.query()


@probe
def cuda_graph_as_context() -> Any:
    with call("cuda.graph", None):
        return "entered"


@probe
def out_of_memory_error() -> Any:
    return [base.__name__ for base in attribute("cuda.OutOfMemoryError").__mro__]


# Tensors and modules on a GPU.
@probe
def tensor_cuda() -> Any:
    return torch.ones(2).cuda()


@probe
def tensor_to_cuda() -> Any:
    return torch.ones(2).to("cuda")


@probe
def tensor_to_second_gpu() -> Any:
    return torch.ones(2).to("cuda:1")


@probe
def tensor_type_cuda() -> Any:
    return torch.ones(2).type("torch.cuda.FloatTensor")


@probe
def zeros_on_cuda() -> Any:
    return torch.zeros(2, device="cuda")


@probe
def tensor_on_cuda() -> Any:
    return torch.tensor([1.0], device=torch.device("cuda", 0))


@probe
def rand_like_on_cuda() -> Any:
    return torch.rand_like(torch.ones(2), device="cuda")


@probe
def device_cuda() -> Any:
    return torch.device("cuda"), torch.device("cuda:3").index


@probe
def tensor_is_cuda() -> Any:
    return torch.ones(2).is_cuda, torch.ones(2).device.type


@probe
def storage_cuda() -> Any:
    return torch.ones(2).storage().cuda()


@probe
def storage_share_cuda() -> Any:
    return call("UntypedStorage", 4)._share_cuda_()


@probe
def storage_new_shared_cuda() -> Any:
    make = attribute("UntypedStorage._new_shared_cuda")
    return make(0, b"0" * 64, 4, 0, b"counter", 0, b"0" * 64, False)


@probe
def module_cuda() -> Any:
    return torch.nn.Linear(2, 2).cuda()


@probe
def module_to_cuda() -> Any:
    return torch.nn.Linear(2, 2).to("cuda")


@probe
def set_default_device_cuda() -> Any:
    call("set_default_device", "cuda")
    return str(call("get_default_device")), torch.zeros(2)


@probe
def default_device() -> Any:
    return call("get_default_device")


@probe
def set_default_tensor_type_cuda() -> Any:
    torch.set_default_tensor_type("torch.cuda.FloatTensor")
    return torch.zeros(2)


@probe
def data_parallel() -> Any:
    model = torch.nn.DataParallel(torch.nn.Linear(2, 1))
    return tuple(model(torch.ones(3, 2)).shape)


@probe
def data_parallel_on_gpu() -> Any:
    return torch.nn.DataParallel(torch.nn.Linear(2, 1), device_ids=[0])


# Pinned memory.
@probe
def tensor_pin_memory() -> Any:
    return torch.ones(2).pin_memory()


@probe
def tensor_is_pinned() -> Any:
    return torch.ones(2).is_pinned()


@probe
def empty_pinned() -> Any:
    return tuple(torch.empty(2, pin_memory=True).shape)


@probe
def storage_pin_memory() -> Any:
    return torch.ones(2).storage().pin_memory()


@probe
def loader_pin_memory() -> Any:
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(torch.arange(4.0)), batch_size=2, pin_memory=True)
    return [batch[0].tolist() for batch in loader]


@probe
def loader_pin_memory_with_worker() -> Any:
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.arange(4.0))
    loader = DataLoader(data, batch_size=2, pin_memory=True, num_workers=1)
    return [batch[0].tolist() for batch in loader]


# Checkpoints that were written on a GPU.
def cuda_checkpoint() -> io.BytesIO:
    """A file as `torch.save` writes it where the tensor is on a GPU."""
    registry = torch.serialization._package_registry
    before = list(registry)
    torch.serialization.register_package(1, lambda _: "cuda:0", lambda _, __: None)
    file = io.BytesIO()
    try:
        torch.save({"weight": torch.arange(3.0)}, file)
    finally:
        registry[:] = before
    file.seek(0)
    assert b"cuda:0" in file.getvalue()
    return file


@probe
def load_checkpoint() -> Any:
    return torch.load(cuda_checkpoint())


@probe
def load_checkpoint_to_cpu() -> Any:
    return torch.load(cuda_checkpoint(), map_location="cpu")


@probe
def load_checkpoint_by_table() -> Any:
    return torch.load(cuda_checkpoint(), map_location={"cuda:0": "cpu"})


@probe
def load_checkpoint_by_function() -> Any:
    return torch.load(cuda_checkpoint(), map_location=lambda storage, location: storage)


@probe
def load_to_cuda() -> Any:
    file = io.BytesIO()
    torch.save(torch.ones(2), file)
    file.seek(0)
    return torch.load(file, map_location="cuda:0")


@probe
def load_script_to_cuda() -> Any:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), file)
    file.seek(0)
    return torch.jit.load(file, map_location="cuda:0")


# Backends and versions.
@probe
def version_cuda() -> Any:
    return torch.version.cuda


@probe
def version_ends_with_cpu() -> Any:
    return torch.__version__.endswith("+cpu")


@probe
def flags() -> Any:
    names = ("has_cuda", "has_cudnn", "has_magma", "_has_cuda", "_has_cudnn", "_has_cusparselt")
    return {name: getattr(torch._C, name) for name in names if hasattr(torch._C, name)}


for _path in (
    "backends.cuda.is_built",
    "backends.cudnn.is_available",
    "backends.cudnn.version",
    "backends.cudnn.m.is_acceptable",
    "backends.cusparselt.is_available",
    "backends.cusparselt.version",
    "backends.cuda.flash_sdp_enabled",
    "backends.cuda.is_flash_attention_available",
    "backends.cuda.preferred_linalg_library",
    "backends.cuda.preferred_blas_library",
):
    calling(_path, *([torch.ones(2)] if _path.endswith("acceptable") else []))


@probe
def cudnn_flags() -> Any:
    with torch.backends.cudnn.flags(enabled=True, benchmark=True):
        return torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark


@probe
def cublas_flags() -> Any:
    return attribute("backends.cuda.matmul").allow_tf32


@probe
def fft_plan_cache() -> Any:
    return attribute("backends.cuda.cufft_plan_cache").size


@probe
def environment_report() -> Any:
    info = call("utils.collect_env.get_env_info")
    return info.is_debug_build, info.cuda_compiled_version, info.is_cuda_available


@probe
def native_names() -> Any:
    """What extensions and other packages look for to see whether this is a CUDA build."""
    names = ("_cuda_getDeviceCount", "_cuda_init", "_cudart", "_cudnn", "_nvtx", "_nccl_all_reduce")
    return [name for name in names if hasattr(torch._C, name)]


@probe
def native_modules() -> Any:
    names = ("_cudart", "_cudnn", "_nvtx", "_cusparselt")
    return [name for name in names if "torch._C." + name in sys.modules]


@probe
def public_names() -> Any:
    return sorted(name for name in dir(torch) if re.match("Cuda|_Cuda|has_cu|_cuda", name))


@probe
def cudnn_acceptable() -> Any:
    return torch.cudnn_is_acceptable(torch.ones(2))


@probe
def import_cuda_submodules() -> Any:
    names = ("amp", "comm", "gds", "graphs", "jiterator", "nccl", "nvtx", "profiler", "sparse")
    found = []
    for name in names:
        try:
            importlib.import_module("torch.cuda." + name)
            found.append(name)
        except ImportError:
            pass
    return found


def attention(name: str) -> Any:
    parameters = attribute("backends.cuda.SDPAParams")
    part = torch.ones(1, 1, 4, 8)
    function = attribute("backends.cuda." + name)
    return function(parameters(part, part, part, None, 0.0, False, False), False)


@probe
def can_use_flash_attention() -> Any:
    return attention("can_use_flash_attention")


@probe
def can_use_efficient_attention() -> Any:
    return attention("can_use_efficient_attention")


@probe
def can_use_cudnn_attention() -> Any:
    return attention("can_use_cudnn_attention")


@probe
def scaled_dot_product_attention() -> Any:
    part = torch.ones(1, 1, 2, 2)
    return call("nn.functional.scaled_dot_product_attention", part, part, part)


# Precision.
@probe
def grad_scaler() -> Any:
    scaler = call("cuda.amp.GradScaler")
    return scaler.is_enabled(), scaler.scale(torch.ones(1))


@probe
def cuda_autocast() -> Any:
    with call("cuda.amp.autocast"):
        return torch.mm(torch.ones(1, 1), torch.ones(1, 1)).dtype


@probe
def autocast_cuda() -> Any:
    with call("autocast", "cuda"):
        return torch.mm(torch.ones(1, 1), torch.ones(1, 1)).dtype


@probe
def autocast_cpu() -> Any:
    with call("autocast", "cpu", dtype=torch.bfloat16):
        return torch.mm(torch.ones(1, 1), torch.ones(1, 1)).dtype


# Tools.
calling("cuda.nvtx.range_push", "part")
calling("cuda.nvtx.range_pop")
calling("cuda.nvtx.mark", "here")
calling("cuda.profiler.start")
calling("cuda.nccl.version")
calling("cuda.nccl.is_available", [torch.ones(2)])
calling("cuda.nccl.all_reduce", [torch.ones(2)])
calling("cuda.comm.broadcast", torch.ones(2), [0])
calling("cuda.comm.broadcast_coalesced", [torch.ones(2)], [0])
calling("cuda.comm.scatter", torch.ones(2), [0])
calling("cuda.comm.gather", [torch.ones(2)])
calling("profiler.supported_activities")
calling("utils._triton.has_triton")
calling("utils._triton.has_triton_package")


@probe
def jiterator() -> Any:
    function = call(
        "cuda.jiterator._create_jit_fn", "template <typename T> T same(T x) { return x; }"
    )
    return function(torch.ones(2))


@probe
def profile_cuda() -> Any:
    activities = attribute("profiler.ProfilerActivity")
    profile = attribute("profiler.profile")
    with profile(activities=[activities.CPU, activities.CUDA]) as profiled:
        torch.ones(2) + 1
    return "aten::add" in [event.key for event in profiled.key_averages()]


@probe
def autograd_profile_cuda() -> Any:
    with torch.autograd.profiler.profile(use_cuda=True) as profiled:
        torch.ones(2) + 1
    return any("add" in event.key for event in profiled.key_averages())


@probe
def emit_nvtx() -> Any:
    with torch.autograd.profiler.emit_nvtx():
        return (torch.ones(2) + 1).tolist()


@probe
def dlpack() -> Any:
    from torch.utils import dlpack

    return dlpack.from_dlpack(dlpack.to_dlpack(torch.ones(2)))


@probe
def dlpack_to_cuda() -> Any:
    method = attribute("Tensor.__dlpack__")
    return method(torch.ones(2), dl_device=(2, 0))


@probe
def cuda_array_interface() -> Any:
    return torch.ones(2).__cuda_array_interface__


@probe
def compile_for_cuda() -> Any:
    return [name for name in call("compiler.list_backends") if "cuda" in name]


@probe
def checkpoint() -> Any:
    from torch.utils.checkpoint import checkpoint

    leaf = torch.ones(2, requires_grad=True)
    checkpoint(torch.sin, leaf).sum().backward()
    return leaf.grad


# Processes.
@probe
def pickled_between_processes() -> Any:
    import pickle
    from multiprocessing.reduction import ForkingPickler

    importlib.import_module("torch.multiprocessing")  # teaches it to pickle tensors
    data = bytes(ForkingPickler.dumps(torch.ones(2)))
    return pickle.loads(data)  # in a process of its own, made by this one


@probe
def worker_result() -> Any:
    import torch.multiprocessing as mp

    context = mp.get_context("fork")
    queue, done = context.SimpleQueue(), context.Event()
    child = context.Process(target=_put, args=(queue, done))
    child.start()
    result = queue.get().tolist()
    done.set()
    child.join()
    return result


def _put(queue: Any, done: Any) -> None:
    queue.put(torch.arange(2.0))
    done.wait()  # what it shares must live until it is received


@probe
def nccl_available() -> Any:
    return call("distributed.is_nccl_available")


@probe
def distributed_names() -> Any:
    from torch import distributed

    native = getattr(torch._C, "_distributed_c10d", distributed)
    return [name for name in dir(native) if "NCCL" in name or "nvshmem" in name]


def process_group(backend: str) -> Any:
    from torch import distributed

    file = Path(tempfile.mkdtemp(), "store")
    distributed.init_process_group(backend, init_method=f"file://{file}", rank=0, world_size=1)
    tensor = torch.ones(2)
    distributed.all_reduce(tensor)
    return distributed.get_backend(), tensor


@probe
def process_group_nccl() -> Any:
    return process_group("nccl")


@probe
def process_group_gloo() -> Any:
    return process_group("gloo")


@probe
def process_group_both() -> Any:
    attribute("distributed.get_backend_config")
    return process_group("cpu:gloo,cuda:nccl")


@probe
def process_group_nccl_class() -> Any:
    from torch.distributed import ProcessGroupNCCL

    return ProcessGroupNCCL


@probe
def symmetric_memory() -> Any:
    return call("distributed._symmetric_memory.is_nvshmem_available")


# Whatever accelerator there is.
for _path in (
    "accelerator.is_available",
    "accelerator.device_count",
    "accelerator.current_accelerator",
    "accelerator.current_device_index",
    "accelerator.current_stream",
    "accelerator.synchronize",
    "accelerator.memory_allocated",
    "accelerator.empty_cache",
    "get_device_module",
    "_C._get_accelerator",
):
    calling(_path)
calling("get_device_module", "cuda")
calling("Stream", device="cuda")
calling("Event", device="cuda")


def outcome(function: "Callable[[], Any]") -> str:
    try:
        text = repr(function())
    except Absent:
        return "absent"
    except Exception as error:
        lines = str(error).splitlines() or [""]
        text = f"{type(error).__name__}: {lines[0]}"
    text = re.sub(r"0x[0-9a-f]+", "0x...", " ".join(text.split()))
    return text.replace(str(Path(torch.__file__).parent), "TORCH")


def isolated(function: "Callable[[], Any]") -> str:
    """The outcome of a probe in a child that has torch already; what it prints is lost."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        signal.alarm(SECONDS)
        warnings.simplefilter("ignore")
        with os.fdopen(writer, "wb") as answer:
            answer.write(outcome(function).encode("utf-8", "backslashreplace"))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        text = answer.read().decode("utf-8")
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return text or f"exit {os.WEXITSTATUS(status)}"


def main(names: "list[str]") -> None:
    results = {name: isolated(PROBES[name]) for name in names or PROBES}
    found = {"torch": torch.__version__, "probes": results}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
