"""Archives that were changed by somebody who means harm, on a real torch.

`python hostile.py FOLDER COUNT SEED` makes every kind of them, and COUNT at random. Each must give
one error that names the file, before anything of the archive runs; or, at random, be loaded with
the state that was saved. Prints a JSON object of what was otherwise. Valid Python 3.6.
"""

import copy
import hashlib
import io
import json
import os
import random
import struct
import sys
import traceback
import zipfile
from typing import Any, Callable, Dict, List, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
CHUNK = 4 << 20

Members = List[Tuple[str, bytes]]


def zipped(members: Members, change: Any = None, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of members; `change` is called with each ZipInfo."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = compression
            info.external_attr = 0o100644 << 16
            if change is not None:
                change(info)
            archive.writestr(info, data)
    return file.getvalue()


def members_of(whole: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def hashes(data: bytes) -> List[str]:
    chunks = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)] or [b""]
    return [hashlib.sha256(chunk).hexdigest() for chunk in chunks]


def with_manifest(whole: bytes, change: Callable[[Any], Any]) -> bytes:
    """The archive with another manifest: what `change` returns, or what it does to the old one."""
    members = members_of(whole)
    manifest = json.loads(members[-1][1].decode())
    changed = change(manifest)
    text = changed if isinstance(changed, bytes) else json.dumps(manifest).encode()
    return zipped([*members[:-1], ("manifest.json", text)])


def with_member(whole: bytes, name: str, data: bytes) -> bytes:
    """The archive with other bytes in a member, and a manifest that says so."""

    def change(manifest: Any) -> None:
        manifest["members"][name] = {"bytes": len(data), "sha256": hashes(data)}

    changed = members_of(with_manifest(whole, change))
    return zipped([(n, data if n == name else d) for n, d in changed])


def set_in(*keys: Any) -> Callable[[Any], None]:
    """A change of the manifest: the last of these at the place that the others lead to."""

    def change(manifest: Any) -> None:
        for key in keys[:-2]:
            manifest = manifest[key]
        manifest[keys[-2]] = keys[-1]

    return change


def weights(header: Any, data: bytes = b"\0" * 64) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def cases(whole: bytes) -> Dict[str, bytes]:  # noqa: C901
    """Every kind of change, by what it is."""
    key = value = kind = None  # type: Any
    members = members_of(whole)
    manifest = json.loads(members[-1][1].decode())
    end = len(whole) - 22
    begin = struct.unpack("<I", whole[end + 16 : end + 20])[0]
    found = {
        "nothing": b"",
        "no zip": b"x" * 1000,
        "bytes before": b"x" + whole,
        "bytes behind": whole + b"x",
        "deflated": zipped(members, compression=zipfile.ZIP_DEFLATED),
        "a bomb": zipped([*members, ("src/b.py", b" " * (32 << 20))], None, zipfile.ZIP_DEFLATED),
        "a member twice": zipped([members[0], *members]),
        "a million members": whole[:end]
        + whole[end:].replace(whole[end + 8 : end + 12], b"\xff\xfe\xff\xfe", 1),
        "bytes between members": whole[:begin]
        + b"gap"
        + whole[begin:end]
        + struct.pack(
            "<4s4H2IH", b"PK\5\6", 0, 0, len(members), len(members), end - begin, begin + 3, 0
        ),
        "manifest missing": zipped(members[:-1]),
        "weights missing": zipped([m for m in members if m[0] != "weights.safetensors"]),
        "a member that is not listed": zipped([*members, ("src/more.py", b"")]),
        "a source that was changed": zipped(
            [(n, d.replace(b"1.5", b"2.5") if n.endswith("canary.py") else d) for n, d in members]
        ),
        "weights that were changed": zipped(
            [(n, d[:-1] + b"\x7f" if n == "weights.safetensors" else d) for n, d in members]
        ),
        "a local header of another name": whole.replace(b"src/networks/c", b"src/networks/d", 1),
        "a source that is too large": with_member(
            whole, "src/networks/canary.py", b"#" * (17 << 20)
        ),
    }
    for name in (
        "/etc/x.py",
        "../x.py",
        "src/../../x.py",
        "src/a/./x.py",
        "src\\x.py",
        "C:/x.py",
        "src//x.py",
        "src/.hidden.py",
        "src/x.py:stream",
        "src/",
        "src/a b.py",
        "src/x\n.py",
        "a" * 2000,
        "notes.txt",
        "src/networks/x.so",
        "src/networks.py",
        "object.pkl",
        "optimizer.safetensors",
    ):
        data = b""
        changed = with_manifest(
            whole, set_in("members", name, {"bytes": 0, "sha256": hashes(data)})
        )
        found["a member called %.20r" % name] = zipped([(name, data), *members_of(changed)])
    for name, attributes in (("a link", 0o120777), ("a folder", 0o040755), ("a device", 0o060644)):

        def mode(info: zipfile.ZipInfo, attributes: int = attributes) -> None:
            info.external_attr = attributes << 16

        found["members that are %s" % name] = zipped(members, mode)

    def comment(info: zipfile.ZipInfo) -> None:
        info.comment = b"x" * 60000

    found["a directory beyond the limit"] = zipped(
        [*[("src/a%d.py" % i, b"") for i in range(100)], *members], comment
    )
    for at in sorted(
        {0, 1, 10, 29, 30, 100, begin - 1, begin, begin + 1, begin + 46, end, end + 21}
    ):
        found["cut off at %d" % at] = whole[:at]
    for kind in ("manifest", "header"):
        for text in (
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff\xfe",
            b'{"a":1,"a":2}',
            b'{"a":NaN}',
            b'{"a":' * 100000 + b"1" + b"}" * 100000,
            b'{"a":' + b"9" * 6000 + b"}",
            b'{"a":1e999}',
        ):
            found["a %s of %.20r" % (kind, text)] = (
                with_manifest(whole, lambda _, text=text: text)  # type: ignore[misc]
                if kind == "manifest"
                else with_member(whole, "weights.safetensors", weights(text))
            )
    for key in manifest:

        def drop(content: Any, key: str = key) -> None:
            del content[key]

        found["no %s" % key] = with_manifest(whole, drop)
        for value in (None, True, 7, -1, 1.5, "x", [], [[]], {}, {"a": {"b": []}}, {"$tuple": 1}):
            same = type(value) is type(manifest[key]) or (
                key in ("entry", "optimizer") and value is None
            )
            if not same or key in ("members", "tensors", "state", "kind", "format", "saved_with"):
                changed = with_manifest(whole, set_in(key, value))
                found["%s is %r" % (key, value)] = changed
    for name, values in (
        ("format", (0, 2, 99)),
        ("chunk_bytes", (1, 0, CHUNK + 1)),
        (
            "entry",
            (
                "os:system",
                "networks.canary:os.system",
                "networks.canary:nothing",
                "networks.canary:load",
                "networks",
                "networks.canary:",
                ":Canary",
                "torch:load",
                "networks.canary:__builtins__",
                "networks.canary:Canary.__init__.__globals__",
                "builtins:eval",
            ),
        ),
        ("outside", ({"no_such_module_here": None}, {"os.path": None}, {"torch": 1}, {"": None})),
        ("packages", (["networks", "networks.canary"], ["x"], [1])),
        ("namespaces", (["a b"], [1], [""])),
        (
            "args",
            tuple(
                [value]
                for value in (
                    {"$global": "os:system"},
                    {"$call": ["os:system", ["true"], {}]},
                    {"$global": "x"},
                    {"$call": ["subprocess:run", [["true"]], {}]},
                    {"$tensor": "nothing"},
                    {"$no": 1},
                    {"$enum": ["os:F_OK", "a"]},
                    {"$dataclass": ["shutil:rmtree", {}]},
                    {"$dict": [[1]]},
                    {"$tuple": 1},
                    {"$complex": [1]},
                    {"$size": ["a"]},
                    {"$float": "1_0"},
                    {"$dtype": 1},
                    {"$global": "builtins:exec"},
                    {"$global": "torch:os.system"},
                    {"$device": 3},
                    {"$call": ["builtins:eval", ["1"], {}]},
                    {"$tuple": [], "a": 1},
                    {"$global": "networks.canary:os.system"},
                    {"$global": "networks.canary:load"},
                    {"$global": "torch:load"},
                    {"$global": "torch:from_file"},
                    {"$global": "torch.hub:load"},
                    # Calls what it is given.
                    {"$call": ["torch.quantization:FakeQuantize", [{"$global": "torch:load"}], {}]},
                    {"$dataclass": ["torch.utils.data.dataset:Subset", {}]},
                    {"$enum": ["networks.canary:Canary", "a"]},
                )
            ),
        ),
    ):
        for value in values:
            found["%s is %.60r" % (name, value)] = with_manifest(whole, set_in(name, value))
    entry = ("state", "entries", "part")
    for value in (
        {},
        {"tensor": "nothing"},
        {"tensor": 3},
        {"tensor": "shared.seen", "offset": 5, "shape": [2], "stride": [1]},
        {"tensor": "shared.seen", "offset": 0, "shape": [1 << 62], "stride": [1]},
        {"tensor": "shared.seen", "offset": 0, "shape": [2, 2], "stride": [1 << 62, 1]},
        {"tensor": "shared.seen", "offset": -1, "shape": [2], "stride": [1]},
        {"tensor": "shared.seen", "offset": 0, "shape": [-2], "stride": [1]},
        {"tensor": "shared.seen", "value": 1},
        {"tensor": "shared.seen", "same": "nothing"},
        {"value": {"$x": 1}},
        {"tensor": "shared.seen", "requires_grad": "no"},
        {"tensor": "shared.seen", "more": 1},
        [],
    ):
        found["an entry that is %.60r" % (value,)] = with_manifest(whole, set_in(*entry, value))
    for key, kind in (
        ("shared.seen", "float64"),
        ("shared.seen", "int32"),
        ("shared.seen", "os"),
        ("shared.seen", "load"),
        ("shared.seen", "quint8"),
        ("shared.seen", 3),
        ("more", "float32"),
        ("shared.seen", "complex64"),
    ):
        found["tensor %s is a %s" % (key, kind)] = with_manifest(
            whole, set_in("tensors", key, kind)
        )
    text = dict(members)["weights.safetensors"]
    length = struct.unpack("<Q", text[:8])[0]
    header = json.loads(text[8 : 8 + length].decode())
    data = text[8 + length :]
    for key, value in (
        ("data_offsets", [0, 4]),
        ("data_offsets", [8, 32]),
        ("data_offsets", [1 << 40, (1 << 40) + 24]),
        ("data_offsets", [-24, 0]),
        ("data_offsets", [24, 0]),
        ("shape", [1 << 40]),
        ("shape", [3]),
        ("shape", [1] * 5000 + [6]),
        ("shape", [0, 1 << 62, 1 << 62]),
        ("dtype", "F99"),
        ("dtype", []),
    ):
        changed = copy.deepcopy(header)
        changed["shared.seen"][key] = value
        found["weights' %s is %.40r" % (key, value)] = with_member(
            whole, "weights.safetensors", weights(changed, data)
        )
    for size in (0, 7, 8, 1 << 27, (1 << 63) - 1, (1 << 64) - 1):
        found["a header of %d bytes" % size] = with_member(
            whole, "weights.safetensors", struct.pack("<Q", size) + text[8:]
        )
    wrong = (
        ("bytes", 1),
        ("bytes", -1),
        ("bytes", "7"),
        ("sha256", []),
        ("sha256", "a" * 64),
        ("sha256", ["A" * 64]),
        ("sha256", [1]),
        ("sha256", ["0" * 64] * 2),
    )  # type: Tuple[Tuple[str, Any], ...]
    for key, value in wrong:
        found["members' %s is %.20r" % (key, value)] = with_manifest(
            whole, set_in("members", "src/networks/canary.py", key, value)
        )
    return found


def at_random(whole: bytes, source: random.Random) -> bytes:
    """One change: of bytes, of a number in the directory, or of a value of the manifest."""
    kind = source.randrange(4)
    changed = bytearray(whole)
    if kind == 0:
        for _ in range(source.randint(1, 4)):
            changed[source.randrange(len(changed))] = source.randrange(256)
        return bytes(changed)
    if kind == 1:
        at = source.randrange(len(changed))
        return bytes(changed[:at] + changed[at + source.randint(1, 40) :])
    if kind == 2:
        at = len(changed) - source.randrange(4, 700)
        number = source.choice([0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
        changed[at : at + 4] = struct.pack("<I", number)
        return bytes(changed)

    def change(manifest: Any) -> None:
        place = manifest
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = source.choice(keys)
            if key in ("part", "seen"):  # another view of the same memory would be as good
                continue
            if isinstance(place[key], (dict, list)) and place[key] and source.random() < 0.8:
                place = place[key]
                continue
            place[key] = source.choice(
                [None, True, 0, -1, 1 << 70, 0.5, "", "x", "os:system", [], {}, [0], {"$tuple": []}]
            )
            return

    return with_manifest(whole, change)


def main(folder: str, count: str, seed: str) -> None:  # noqa: C901
    sys.path.insert(0, HERE)
    import torch
    from networks.canary import Canary
    from torch_ergonomics import BadArchive, CannotLoad, inspect, load_portable, save_portable

    network = Canary()
    network.part = network.seen[1:3]
    path = os.path.join(folder, "model.zip")
    save_portable(network, "networks.canary", path, config=[2])
    with open(path, "rb") as file:
        whole = file.read()
    canary = os.path.join(folder, "canary")
    os.environ["CANARY"] = canary
    assert zipped(members_of(whole)) == whole, "the writer here makes what it is to change"
    failed = {}  # type: Dict[str, str]

    def attempt(name: str, data: bytes, may_load: bool) -> None:
        with open(path, "wb") as file:
            file.write(data)
        try:
            inspect(path)
        except (BadArchive, CannotLoad):
            pass
        except BaseException:
            failed["inspect: " + name] = traceback.format_exc()
        try:
            loaded = load_portable(path)
        except (BadArchive, CannotLoad) as error:
            if path not in str(error) or len(str(error)) > 2000:
                failed[name] = "the message: " + str(error)
            if os.path.exists(canary) and not may_load and name not in LATE:
                failed[name] = "it ran"
        except BaseException:
            failed[name] = traceback.format_exc()
        else:
            state, got = network.state_dict(), loaded.state_dict()
            same = all(torch.equal(state[key], got[key]) for key in state if key in got)
            if not may_load or set(state) != set(got) or not same:
                failed[name] = "it was loaded"
        if os.path.exists(canary):
            os.unlink(canary)

    for name, data in cases(whole).items():
        attempt(name, data, False)
    source = random.Random(int(seed))
    for number in range(int(count)):
        attempt("at random, %s, %d" % (seed, number), at_random(whole, source), True)
    print(json.dumps(failed))


# What only shows when the module that is named has run.
LATE = {
    "entry is 'networks.canary:nothing'",
    "entry is 'networks.canary:os.system'",
    "args is [{'$global': 'networks.canary:os.system'}]",
    "args is [{'$global': 'networks.canary:load'}]",
    "args is [{'$enum': ['networks.canary:Canary', 'a']}]",
    "entry is 'networks.canary:load'",
}

if __name__ == "__main__":
    main(*sys.argv[1:])
