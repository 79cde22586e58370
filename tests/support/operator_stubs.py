"""A torch that is only a name, and a tiny operator database, for tests of the machinery."""

import venv
from pathlib import Path

TORCH = """
import ctypes, random
class dtype:
    is_floating_point, is_complex = True, False
    def __init__(self, name): self.name = name
    def __str__(self): return "torch." + self.name
float32, float64, int64 = dtype("float32"), dtype("float64"), dtype("int64")
int64.is_floating_point = False
strided = "torch.strided"
class Tensor:
    layout = strided
    def __init__(self, value, requires_grad=False, dtype=float32):
        self.buffer = (ctypes.c_double * 1)(value)
        self.value, self.requires_grad, self.dtype, self.shape = value, requires_grad, dtype, (1,)
    def detach(self): return self
    def contiguous(self): return self
    def numel(self): return 1
    def element_size(self): return 8
    def data_ptr(self): return ctypes.addressof(self.buffer)
    def to(self, dtype): return self
    def reshape(self, shape): return self
    def __truediv__(self, other): return Tensor(self.value / other)
def arange(begin, end, dtype): return Tensor(float(begin))
class no_grad:
    def __enter__(self): pass
    def __exit__(self, *error): pass
class autograd:
    @staticmethod
    def grad(roots, leaves, weights, allow_unused):
        return [Tensor(root.slope * weight.value) for root, weight in zip(roots, weights)]
__version__ = "2.5.0"
def set_num_threads(count): pass
def get_num_threads(): return 1
def manual_seed(seed): pass
"""

DATABASE = """
import os, random, signal, sys, time
import torch

SLIM = sys.prefix.endswith("slim")

class Sample:
    def __init__(self, *args, requires_grad=False, **kwargs):
        self.input = torch.Tensor(random.random(), requires_grad)
        self.args, self.kwargs = args, kwargs

class Operator:
    variant_test_name = ""
    supports_autograd = True
    def __init__(self, function, dtypes=(torch.float32, torch.int64), samples=(0, 1, 2),
                 variant=""):
        self.name, self.function, self.dtypes, self.samples = (
            function.__name__, function, set(dtypes), samples)
        self.variant_test_name = variant
    def supported_dtypes(self, device): return self.dtypes
    supported_backward_dtypes = supported_dtypes
    def sample_inputs(self, device, dtype, requires_grad=False):
        for number in self.samples:
            if number == "broken": raise RuntimeError("no such sample")
            yield Sample(number, requires_grad=requires_grad)
    def __call__(self, *args): return self.function(*args)

def result(value, slope=2.0):
    made = torch.Tensor(value, True)
    made.slope = slope
    return made

def equal(x, number): return result(x.value + number + random.random())
def differs(x, number): return result(x.value + (SLIM and number == 1))
def differs_backward(x, number): return result(x.value, 3.0 if SLIM and number == 2 else 2.0)
def uninitialised(x, number): return result(float(os.environ["MALLOC_PERTURB_"]))
def uninitialised_raises(x, number):
    if SLIM: raise RuntimeError("gone")
    return uninitialised(x, number)
def raises(x, number): raise ValueError("at %#x in " % id(x) + torch.__file__)
def raises_otherwise(x, number): raise ValueError("slim" if SLIM else "upstream")
def unreadable(x, number): return object()
def crashes(x, number):
    if number == 1: os.kill(os.getpid(), signal.SIGSEGV)
    return result(x.value)
def crashes_slim(x, number):
    if SLIM: os.kill(os.getpid(), signal.SIGSEGV)
    return result(x.value)
def hangs(x, number): time.sleep(60)
def nothing(x, number): return result(0.0)
def broken(x, number): return result(x.value)
def unordered(x, word): return result(x.value)
def last(x, number): return (1, None, {"a": [torch.float32]}, slice(1, number))

op_db = [
    Operator(equal), Operator(equal, variant="twice"), Operator(differs),
    Operator(differs_backward), Operator(uninitialised), Operator(uninitialised_raises),
    Operator(raises), Operator(raises_otherwise), Operator(unreadable),
    Operator(crashes, [torch.float32]), Operator(crashes_slim, [torch.float32]),
    Operator(hangs, [torch.int64]), Operator(nothing, []), Operator(nothing, samples=()),
    Operator(broken, samples=(0, "broken")), Operator(unordered, samples={"a", "b", "c", "d"}),
    Operator(last, [torch.int64], samples=range(20)),
]
"""


def make_python(place: Path, *, database: bool = True) -> Path:
    """Make an interpreter that has this torch; the one in a directory `slim` computes otherwise."""
    venv.create(place, symlinks=True)
    (site_packages,) = place.glob("lib/python*/site-packages")
    (site_packages / "numpy.py").write_text("class random:\n    seed = staticmethod(id)\n")
    package = site_packages / "torch"
    (package / "testing").mkdir(parents=True)
    (package / "__init__.py").write_text(TORCH)
    (package / "testing" / "__init__.py").write_text("")
    if database:
        write_database(package / "testing")
    return place / "bin" / "python"


def write_database(testing: Path) -> None:
    """Write the modules that some torch.testing have."""
    internal = testing / "_internal"
    internal.mkdir(parents=True)
    (internal / "__init__.py").write_text("")
    (internal / "common_utils.py").write_text("")
    (internal / "common_methods_invocations.py").write_text(DATABASE)
