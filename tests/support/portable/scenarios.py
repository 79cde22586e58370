"""Portable models on a real torch: `python scenarios.py FOLDER` runs all and prints what failed.

Prints a JSON object, for each scenario "" or its traceback. Valid Python 3.6, so that it runs with
torch 1.0. Each scenario gets an empty folder of its own.
"""

import copy
import json
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import traceback
import warnings
import zipfile
from typing import Any, Callable, Dict, List, Type  # noqa: F401

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import torch  # noqa: E402
import torch.utils.data  # noqa: E402
from networks import memory, recorded  # noqa: E402
from networks.classifier import Classifier  # noqa: E402
from torch import nn  # noqa: E402
from torch_ergonomics import (  # noqa: E402
    CannotLoad,
    NotCarried,
    NotPortable,
    load_optimizer_state,
    load_portable,
    save_portable,
)
from torch_ergonomics.tensors.memory import plain, tensor_bytes  # noqa: E402

warnings.simplefilter("error", NotCarried)


def error(kind: Type[BaseException], call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The message of what a call raises."""
    try:
        call(*args, **kwargs)
    except kind as found:
        return str(found)
    raise AssertionError("%s was not raised" % kind.__name__)


def same(first: Any, second: Any) -> bool:
    """Whether two tensors are equal in every bit, and in type and order in memory."""
    return (
        first.dtype == second.dtype
        and first.shape == second.shape
        and first.stride() == second.stride()
        and bytes(tensor_bytes(plain(first))) == bytes(tensor_bytes(plain(second)))
    )


def there_and_back(network: Any, folder: str, package: Any = "networks", **options: Any) -> Any:
    path = os.path.join(folder, "model.zip")
    assert save_portable(network, package, path, **options) == path
    assert os.listdir(folder) == ["model.zip"]
    loaded = load_portable(path)
    state, got = network.state_dict(), loaded.state_dict()
    assert list(state) == list(got)
    for name in state:
        assert isinstance(state[name], dict) or same(state[name], got[name]), name
    assert type(loaded) is not type(network)
    assert type(loaded).__name__ == type(network).__name__
    return loaded


def in_a_process(program: str, *arguments: str, **variables: str) -> str:
    """What a program prints in a process that does not see this project."""
    environment = {key: value for key, value in os.environ.items() if "ERGONOMICS" not in key}
    environment.update(variables)
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=os.path.dirname(arguments[0]),
    )
    return done.stdout.decode()


def a_network_of_every_common_layer(folder: str) -> None:
    torch.manual_seed(1)
    network = Classifier(channels=6, classes=4)
    network(torch.randn(2, 3, 16, 16))  # statistics move
    example = torch.randn(2, 3, 16, 16)
    loaded = there_and_back(network, folder, config={"channels": 6, "classes": 4}, example=example)
    assert loaded.training
    loaded.eval()
    assert torch.equal(loaded(example), network.eval()(example))
    assert type(loaded.body[0]).__module__.startswith("torch_ergonomics.loaded.m")


def another_process_without_the_source(folder: str) -> None:
    network = Classifier()
    path = os.path.join(folder, "model.zip")
    save_portable(network.eval(), "networks", path, example=torch.zeros(1, 3, 8, 8))
    program = (
        "import sys, torch, torch_ergonomics as e\n"
        "path = list(sys.path)\n"
        "n = e.load_portable(sys.argv[1])\n"
        "assert sys.path == path and 'networks' not in sys.modules and not n.training\n"
        "print(n(torch.zeros(1, 3, 8, 8)).tolist())"
    )
    printed = in_a_process(program, path)
    assert json.loads(printed) == network(torch.zeros(1, 3, 8, 8)).tolist(), printed


def arguments_that_are_recorded(folder: str) -> None:
    sizes = [4, 3, 2]
    network = recorded.Decorated(sizes, torch.tanh, note=(1, {2: None}), kind=nn.ReLU)
    assert sizes == [3, 2], "the constructor changes its argument"
    loaded = there_and_back(network, folder, example=torch.randn(5, 4))
    assert loaded.activation is torch.tanh
    assert loaded.more == {"note": (1, {2: None}), "kind": nn.ReLU}


def networks_as_arguments(folder: str) -> None:
    network = recorded.Derived(
        recorded.Decorated([3, 3]), weights=torch.tensor([1.5, 2.5, 3.5]), names={1: "one"}
    )
    loaded = there_and_back(network, folder, example=torch.randn(2, 3))
    assert loaded.names == {1: "one"}
    assert same(loaded.weights, network.weights)
    os.remove(os.path.join(folder, "model.zip"))
    there_and_back(recorded.DerivedFurther(2), folder, example=torch.randn(2, 2))


def networks_as_arguments_are_saved_again(folder: str) -> None:
    path = os.path.join(folder, "model.zip")
    inner = memory.Plain(2)
    save_portable(inner, "networks", path, config=[2], check=False)
    save_portable(recorded.Derived(inner, weights=torch.ones(2)), "networks", path)
    save_portable(load_portable(path), None, os.path.join(folder, "again"))


def what_a_network_that_is_an_argument_raises(folder: str) -> None:
    path = os.path.join(folder, "model.zip")
    network = recorded.Decorated([2, 2], note=(recorded.Fails(),))
    save_portable(network, "networks", path, check=False)
    assert "nothing is found here" in error(KeyError, load_portable, path)


def sets_are_of_one_order(folder: str) -> None:
    words = {"one", "two", "three"}
    frozen = frozenset([frozenset(words), 1])
    network = recorded.Decorated([2, 2], words=words, frozen=frozen)
    loaded = there_and_back(network, folder)
    assert loaded.more == {"words": words, "frozen": frozen}
    assert type(loaded.more["frozen"]) is frozenset
    with zipfile.ZipFile(os.path.join(folder, "model.zip")) as archive:
        manifest = json.loads(archive.read("manifest.json").decode())
    assert manifest["kwargs"]["words"] == {"$set": ["one", "three", "two"]}


def functions_that_are_not_carried(folder: str) -> None:
    path = os.path.join(folder, "model.zip")
    for function in (
        torch.load,
        torch.save,
        torch.multiprocessing.spawn,
        torch.utils.data.DataLoader,
        eval,
    ):
        network = recorded.Decorated([2, 2], note=[function])
        message = error(NotPortable, save_portable, network, "networks", path)
        assert "give a function of your own" in message, message
    functional = nn.functional
    functions = [torch.relu, functional.relu, functional.conv2d, functional.elu, torch.einsum]
    functions += [nn.init.constant_, nn.BatchNorm2d, torch.optim.SGD, math.sqrt, int]
    loaded = there_and_back(recorded.Decorated([2, 2], note=functions), folder)
    assert loaded.more["note"] == functions


def arguments_that_json_cannot_hold(folder: str) -> None:
    path = os.path.join(folder, "model.zip")
    network = recorded.Decorated([2, 2], note=recorded.Pair(1, 2))
    assert "networks.recorded.Pair" in error(NotPortable, save_portable, network, None, path)
    network = recorded.Decorated([2, 2], lambda x: x)
    assert "lambda" in error(NotPortable, save_portable, network, None, path)
    message = error(NotPortable, save_portable, recorded.Derived(nn.Linear(1, 1)), None, path)
    assert "Linear" in message
    assert "portable" in message
    cycle = []  # type: List[Any]
    cycle.append(cycle)
    message = error(NotPortable, save_portable, Classifier(), None, path, config=[cycle])
    assert "contains itself" in message
    network = recorded.Decorated([2, 2], note=recorded.Flag.ONE | recorded.Flag.TWO)
    assert "recorded.Flag" in error(NotPortable, save_portable, network, None, path, check=False)
    assert os.listdir(folder) == []


def an_attribute_that_contains_itself(folder: str) -> None:
    network = Classifier()
    network.history = []
    network.history.append(network.history)
    there_and_back(network, folder)


def tied_and_shared_modules(folder: str) -> None:
    network = memory.Tied()
    loaded = there_and_back(network, folder, example=torch.tensor([1, 2, 3]))
    assert loaded.decode.weight is loaded.embed.weight is loaded.seen[0]
    assert loaded.twice[0] is loaded.twice[2]
    size = os.path.getsize(os.path.join(folder, "model.zip"))
    assert size < 4 * sum(p.numel() for p in network.parameters()) + 12000


def tied_or_untied_later(folder: str) -> None:
    network = memory.Untied()
    network.one.weight = network.two.weight
    loaded = there_and_back(network, folder)
    assert loaded.one.weight is loaded.two.weight
    os.remove(os.path.join(folder, "model.zip"))
    network = memory.Tied()
    network.decode.weight = nn.Parameter(torch.ones(11, 6))
    loaded = there_and_back(network, folder, check=False)
    assert loaded.decode.weight is not loaded.embed.weight


def views_of_one_memory(folder: str) -> None:
    network = memory.Views()
    network.whole = torch.arange(10.0)
    network.part = network.whole[3:7]
    network.every_second = network.whole[::2]
    far = torch.arange(100000.0)
    network.apart = far[77777:77779]
    loaded = there_and_back(network, folder)
    loaded.whole[4] = 99
    assert loaded.part[1] == 99
    assert loaded.every_second[2] == 99
    assert os.path.getsize(os.path.join(folder, "model.zip")) < 12000


def every_type_that_this_torch_has(folder: str) -> None:
    buffers = {}
    for name in (
        "float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 bool complex64 complex128 "
        "uint16 float8_e4m3fn float8_e5m2"
    ).split():
        kind = getattr(torch, name, None)
        if kind is not None:
            try:
                buffers["b_" + name] = torch.tensor([[0.0, 1.0, 2.5]]).to(kind)
                torch.empty(1).to(kind).tolist()
            except (RuntimeError, TypeError):
                buffers.pop("b_" + name, None)
    assert len(buffers) > 7
    buffers.update(empty=torch.zeros(0, 3), scalar=torch.tensor(7.0))
    network = memory.Typed(**buffers)
    network.later = torch.ones(2)
    loaded = there_and_back(network, folder, config=buffers)
    assert same(loaded.later, torch.ones(2))
    assert loaded.scalar.shape == ()


def another_type_than_constructed(folder: str) -> None:
    network = memory.Plain().double()
    loaded = there_and_back(network, folder, example=torch.ones(2, 5, dtype=torch.float64))
    assert loaded.layer.weight.dtype == torch.float64


def order_in_memory(folder: str) -> None:
    network = Classifier()
    weight = network.stem.weight.detach()
    network.stem.weight.data = weight.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    loaded = there_and_back(network, folder, example=torch.randn(1, 3, 8, 8))
    assert loaded.stem.weight.stride() == network.stem.weight.stride()
    assert not loaded.stem.weight.is_contiguous()


def frozen_layers_and_modes(folder: str) -> None:
    network = Classifier()
    network.stem.weight.requires_grad_(False)
    network.body.eval()
    loaded = there_and_back(network, folder)
    assert not loaded.stem.weight.requires_grad
    assert loaded.stem.bias.requires_grad
    assert loaded.training
    assert not loaded.body[1].norm.training


def trains_on_and_keeps_the_optimizer(folder: str) -> None:
    def step(network: Any, optimizer: Any) -> None:
        optimizer.zero_grad()
        torch.manual_seed(3)
        network(torch.ones(4, 5)).sum().backward()
        optimizer.step()

    network = memory.Plain()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    step(network, optimizer)
    path = os.path.join(folder, "model.zip")
    save_portable(network, "networks", path, optimizer=optimizer)
    loaded = load_portable(path)
    again = torch.optim.Adam(loaded.parameters(), lr=1.0)
    again.load_state_dict(load_optimizer_state(path))
    step(network, optimizer)
    step(loaded, again)
    assert same(network.layer.weight.detach(), loaded.layer.weight.detach())
    save_portable(network, "networks", path)
    assert "without an optimizer" in error(CannotLoad, load_optimizer_state, path)


def copies_and_pickles(folder: str) -> None:
    loaded = there_and_back(recorded.Decorated([3, 2]), folder)
    for copied in (copy.deepcopy(loaded), pickle.loads(pickle.dumps(loaded))):
        assert type(copied) is type(loaded)
        assert same(copied.layers[0].weight.detach(), loaded.layers[0].weight.detach())
    path = os.path.join(folder, "pickled")
    torch.save(loaded, path)
    program = "import sys, torch; torch.load(sys.argv[1]%s)" % weights_only()
    printed = in_a_process(program, path)
    assert "load_portable first" in printed, printed


def weights_only() -> str:
    return ", weights_only=False" if hasattr(torch.serialization, "add_safe_globals") else ""


def saving_what_was_loaded(folder: str) -> None:
    first = os.path.join(folder, "first")
    second = os.path.join(folder, "second")
    third = os.path.join(folder, "third")
    save_portable(Classifier(4, 1), "networks", first, config=[4, 1])
    loaded = load_portable(first)
    save_portable(loaded, "networks", second, example=torch.zeros(1, 3, 8, 8))
    with open(first, "rb") as one, open(second, "rb") as two:
        assert one.read() == two.read()
    save_portable(load_portable(second), None, third)
    assert type(load_portable(third)).__module__ == type(loaded).__module__


def two_archives_of_one_module_name(folder: str) -> None:
    found = []
    for twin in ("first", "second"):
        path = os.path.join(folder, twin + ".zip")
        program = (
            "import sys; sys.path.insert(0, sys.argv[2])\n"
            "from networks.net import Net; import torch_ergonomics as e\n"
            "e.save_portable(Net(), 'networks', sys.argv[1])"
        )
        printed = in_a_process(program, path, os.path.join(HERE, "twins", twin))
        assert printed == "", printed
        found.append(load_portable(path))
    assert [network(None) for network in found] == ["first", "second"]
    assert type(found[0]) is not type(found[1])
    assert type(load_portable(os.path.join(folder, "first.zip"))) is type(found[0])
    assert Classifier.__module__ == "networks.classifier"


def tracebacks_show_the_source(folder: str) -> None:
    loaded = there_and_back(memory.Fails(), folder)
    try:
        loaded(None)
    except ValueError:
        text = traceback.format_exc()
    assert 'raise ValueError("nothing fits")  # this line is to be seen' in text
    assert os.path.join(folder, "model.zip", "src", "networks", "memory.py") in text
    import inspect

    assert "nothing fits" in inspect.getsource(type(loaded))


def length(items: Any) -> Any:
    return len(items), items[2].tolist(), type(items).__module__


def workers(folder: str) -> None:
    loaded = there_and_back(memory.Fails(), folder)
    items = sys.modules[type(loaded).__module__].Items()
    loader = torch.utils.data.DataLoader(items, batch_size=3, num_workers=2)
    assert [batch.tolist() for batch in loader] == [[[0.0], [1.0], [2.0]], [[3.0], [4.0], [5.0]]]
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.apply(length, (items,)) == (6, [2.0], type(items).__module__)


def changed_after_construction(folder: str) -> None:
    network = memory.Plain()
    network.layer = nn.Linear(5, 3)
    path = os.path.join(folder, "model.zip")
    assert "size mismatch" in error(NotPortable, save_portable, network, "networks", path)
    network = memory.Plain()
    network.layer = nn.Sequential(network.layer)
    assert "layer.0.weight" in error(NotPortable, save_portable, network, "networks", path)
    network = memory.Plain()
    network.dropout = nn.ReLU()
    message = error(NotPortable, save_portable, network, "networks", path)
    assert "module dropout" in message, message
    network = memory.Plain()
    network.threshold = 0.75
    message = error(NotCarried, save_portable, network, "networks", path)
    assert "attribute threshold" in message, message
    message = error(NotPortable, save_portable, network, "networks", path, example=torch.ones(1, 5))
    assert "outputs" in message, message
    assert os.listdir(folder) == []


def hooks_are_not_carried(folder: str) -> None:
    network = memory.Plain()
    network.layer.register_forward_hook(print)
    path = os.path.join(folder, "model.zip")
    message = error(NotCarried, save_portable, network, "networks", path)
    assert "hooks of module layer" in message, message


def state_of_ones_own(folder: str) -> None:
    if not hasattr(nn.Module, "get_extra_state"):
        return
    network = memory.ExtraState()
    network.seen = {"words": ("a", 1), "mean": torch.tensor([2.5])}
    loaded = there_and_back(network, folder)
    assert loaded.seen["words"] == ("a", 1)
    assert same(loaded.seen["mean"], network.seen["mean"])


def functions_that_make_networks(folder: str) -> None:
    network = memory.make(4)
    loaded = there_and_back(network, folder, entry="networks.memory:make", config=[4])
    again = os.path.join(folder, "again")
    save_portable(loaded, "networks", again)
    assert load_portable(again).layer.weight.shape == (4, 4)


def constructors_that_look_at_their_weights(folder: str) -> None:
    loaded = there_and_back(memory.Derives(), folder, example=torch.ones(1, 4))
    assert loaded.norm == 48.0


def initialization_is_left_out_and_comes_back(folder: str) -> None:
    from torch_ergonomics.models.uninitialized import no_initialization

    before = nn.init.constant_
    layer = nn.Linear(2, 2)
    with no_initialization():
        assert nn.init.constant_(layer.weight, 7.0) is layer.weight
        assert nn.init.constant_(torch.zeros(1), 7.0) == 7.0
        kept = nn.init.constant_
    assert not (layer.weight == 7.0).any()
    assert nn.init.constant_ is before
    assert (kept(layer.weight, 7.0) == 7.0).all()


def pickles_when_both_sides_allow_it(folder: str) -> None:
    network = memory.Tied()
    network.decode.bias = nn.Parameter(torch.ones(11))
    network.extra = nn.Sequential(nn.Linear(2, 2), recorded.Decorated([2, 2]))
    path = os.path.join(folder, "model.zip")
    error(NotPortable, save_portable, network, "networks", path)
    save_portable(network, "networks", path, allow_pickle=True, example=torch.tensor([1]))
    assert "allow_pickle" in error(CannotLoad, load_portable, path)
    loaded = load_portable(path, allow_pickle=True)
    assert loaded.decode.weight is loaded.embed.weight is loaded.seen[0]
    assert loaded.extra[1].layers[0].weight.shape == (2, 2)
    assert torch.equal(loaded(torch.tensor([3])), network(torch.tensor([3])))
    assert type(loaded.extra[1]).__module__.startswith("torch_ergonomics.loaded.m")
    assert type(loaded.extra[1]).__module__.endswith("networks.recorded")


def pickles_where_arguments_cannot_be_held(folder: str) -> None:
    path = os.path.join(folder, "model.zip")
    network = recorded.Decorated([2, 2], note=recorded.Pair(1, 2))
    save_portable(network, "networks", path, allow_pickle=True)
    assert load_portable(path, allow_pickle=True).more["note"] == (1, 2)


def what_is_no_network(folder: str) -> None:
    path = os.path.join(folder, "model.zip")
    assert "Module" in error(TypeError, save_portable, {"a": 1}, "networks", path)
    message = error(NotPortable, save_portable, Classifier(), "networks.parts", path)
    assert "networks.classifier is not carried" in message, message
    message = error(NotPortable, save_portable, nn.Sequential(), "networks", path)
    assert "torch.nn.modules.container" in message, message

    class Local(nn.Module):
        pass

    assert "Local" in error(NotPortable, save_portable, Local(), "networks", path)


def files_that_are_there_stay_when_saving_fails(folder: str) -> None:
    path = os.path.join(folder, "model.zip")
    with open(path, "w") as file:
        file.write("precious")
    network = memory.Plain()
    network.layer = nn.Linear(1, 1)
    error(NotPortable, save_portable, network, "networks", path)
    with open(path) as file:
        assert file.read() == "precious"
    assert os.listdir(folder) == ["model.zip"]
    error(OSError, save_portable, memory.Plain(), "networks", os.path.join(folder, "no", "model"))


def sparse_and_lazy_tensors(folder: str) -> None:
    path = os.path.join(folder, "model.zip")
    network = memory.Typed(sparse=torch.sparse_coo_tensor(torch.zeros(1, 1).long(), [1.0], (2,)))
    assert "sparse" in error(NotPortable, save_portable, network, "networks", path, config={})


def main() -> None:
    failed = {}  # type: Dict[str, str]
    wanted = sys.argv[2:]
    for name, scenario in list(globals().items()):
        is_scenario = callable(scenario) and getattr(scenario, "__annotations__", {}) == {
            "folder": str,
            "return": None,
        }
        if not is_scenario or (wanted and name not in wanted):
            continue
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder)
        try:
            scenario(folder)
            failed[name] = ""
        except BaseException:
            failed[name] = traceback.format_exc()
    print(json.dumps(failed))


if __name__ == "__main__":
    main()
