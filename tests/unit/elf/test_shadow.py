"""Programs linked against real libraries that then run with shadows in their place."""

from pathlib import Path

import pytest

from slimwheel.elf import (
    Construct,
    Data,
    ElfFile,
    Function,
    Return,
    ShadowLibrary,
    Store,
    StoreText,
    SymbolReference,
    Text,
    Throw,
    ToRefusingObject,
    ToSymbol,
    ToText,
    ToThrow,
    ToZeros,
    Zeros,
    write_shadow,
)
from tests.unit.elf.toolchain import compile_cpp, python, run, write

BINDING = pytest.mark.parametrize("binding", ["-Wl,-z,lazy", "-Wl,-z,now"])

HEADER = """
#include <cstdio>
#include <cstring>
#include <stdexcept>
extern "C" long answer();
extern "C" int count_devices(int *count);
extern "C" const char *describe(int error);
extern "C" long *state();
void use(double number, const char *text);
struct Driver { virtual int first(); virtual int second(int); int number; };
extern Driver *driver;
struct Interface { virtual ~Interface(); virtual int get(); };
struct Options : Interface { Options(); int get() override; long first, second; };
struct Large : Interface { Large(); int get() override; long numbers[124]; };
"""
LIBRARY = """
extern "C" long answer() { return 1; }
extern "C" int count_devices(int *count) { return count ? *count = 3 : 0; }
extern "C" const char *describe(int) { return "real"; }
extern "C" long *state() { static long real[2] = {1, 2}; return real; }
void use(double, const char *) { std::puts("real"); }
int Driver::first() { return 1; }
int Driver::second(int) { return 2; }
static Driver real;
Driver *driver = &real;
Options::Options() : first(1), second(2) {}
Large::Large() : numbers{1, 2} {}
"""
PROGRAM = """
Interface::~Interface() {}
int Interface::get() { return 1; }
int Options::get() { return 2 + first + second; }
int Large::get() { return 3 + numbers[0] + numbers[123]; }
struct Local { ~Local() { std::puts("unwound"); } };
template <class Call> void attempt(Call call) {
    Local local;
    call();
    std::puts("no exception");
}
int main() {
    std::printf("%ld %s\\n", answer(), describe(0));
    int count = 77;
    int code = count_devices(&count);
    std::printf("%d %d %d\\n", code, count, count_devices(nullptr));
    std::printf("%ld %ld\\n", state()[0], state()[1]);
    state()[1] = 5;
    std::printf("%ld\\n", state()[1]);
    try { attempt([] { use(1.5, "x"); }); }
    catch (const std::runtime_error &error) { std::puts(error.what()); }
    try { attempt([] { driver->second(4); }); }
    catch (const std::exception &error) { std::puts(error.what()); }
    alignas(Options) char place[sizeof(Options)];
    std::memset(place, 1, sizeof place);
    Options *options = new (place) Options;
    Interface *interface = options;
    std::printf("%d\\n", interface->get());
    // Made of the heap, and so of any size.
    char *block = new char[1000];
    std::memset(block, 1, 1000);
    interface = new (block) Large;
    std::printf("%d %d\\n", interface->get(), block[999]);
}
"""
SHADOW = ShadowLibrary(
    "libreal.so",
    (
        Function("answer", None, Return(-(1 << 40))),
        Function("count_devices", None, Store(0, 0, 4, 100)),
        Function("describe", None, Text("kein Gerät")),
        Function("state", None, Zeros(16)),
        Function("_Z3usedPKc", None, Throw("use: not built in")),
        *(
            Function(f"_ZN7OptionsC{kind}Ev", None, Construct(24, SymbolReference("_ZTV7Options")))
            for kind in (1, 2)
        ),
        Function("_ZN5LargeC1Ev", None, Construct(None, SymbolReference("_ZTV5Large"))),
    ),
    (Data("driver", None, (ToRefusingObject("driver: not built in", 2),)),),
)
SAID = [
    f"{-(1 << 40)} kein Gerät",
    "100 0 100",
    "0 0",
    "5",
    "unwound",
    "use: not built in",
    "unwound",
    "driver: not built in",
    "2",
    "3 0",
]


@BINDING
def test_a_program_runs_with_the_shadow(tmp_path: Path, binding: str) -> None:
    compile_cpp(HEADER + LIBRARY, tmp_path / "libreal.so")
    # The vtable of Options is the program's own: the shadow finds it there.
    options = (binding, "-rdynamic", "-l:libreal.so")
    program = compile_cpp(HEADER + PROGRAM, tmp_path / "program", *options)
    assert run(program)[0] == "1 real"
    write(SHADOW, tmp_path)
    assert run(program) == SAID
    assert run(program, LD_BIND_NOW="1") == SAID


VERSIONED = """
extern "C" int old_answer() { return 1; }
extern "C" int new_answer() { return 2; }
__asm__(".symver old_answer, answer@REAL_1");
__asm__(".symver new_answer, answer@@REAL_2");
"""
OLD_PROGRAM = """
#include <cstdio>
extern "C" int answer();
extern "C" int old_answer();
__asm__(".symver old_answer, answer@REAL_1");
int main() { std::printf("%d %d\\n", answer(), old_answer()); }
"""


@BINDING
def test_each_version_is_found(tmp_path: Path, binding: str) -> None:
    script = tmp_path / "versions"
    script.write_text("REAL_1 { global: answer; local: *; }; REAL_2 { global: answer; } REAL_1;")
    compile_cpp(VERSIONED, tmp_path / "libreal.so", f"-Wl,--version-script={script}")
    program = compile_cpp(OLD_PROGRAM, tmp_path / "program", binding, "-l:libreal.so")
    assert run(program) == ["2 1"]
    functions = [Function("answer", f"REAL_{n}", Return(10 * n)) for n in (1, 2)]
    write(ShadowLibrary("libreal.so", tuple(functions)), tmp_path)
    assert run(program) == ["20 10"]


@pytest.mark.parametrize("mode", ["os.RTLD_NOW", "os.RTLD_LAZY"])
def test_a_plug_in_loads_with_the_shadow(tmp_path: Path, mode: str) -> None:
    compile_cpp('extern "C" int f() { return 1; }', tmp_path / "libreal.so")
    source = 'extern "C" int f(); extern "C" int g() { return f() + 1; }'
    plugin = compile_cpp(source, tmp_path / "libplugin.so", "-l:libreal.so")
    write(ShadowLibrary("libreal.so", (Function("f", None, Return(41)),)), tmp_path)
    assert python(f"print(ctypes.CDLL(sys.argv[1], {mode}).g())", plugin) == "42"


@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize("argument", range(6))
def test_store_writes_just_its_bytes(tmp_path: Path, argument: int, size: int) -> None:
    answer = Store(argument, (1 << 8 * size) - 2, size, returns=-7)
    path = write(ShadowLibrary("libstore.so", (Function("store", None, answer),)), tmp_path)
    code = """
store = ctypes.CDLL(sys.argv[1]).store
place = ctypes.c_uint64(0x1111111111111111)
arguments = [None] * 6
arguments[int(sys.argv[2])] = ctypes.byref(place)
print(store(*arguments), store(*[None] * 6), hex(place.value))
"""
    expected = (0x1111111111111111 >> 8 * size << 8 * size) | ((1 << 8 * size) - 2)
    assert python(code, path, argument) == f"-7 -7 {expected:#x}"


@pytest.mark.parametrize("argument", range(6))
def test_a_text_can_be_stored(tmp_path: Path, argument: int) -> None:
    answer = StoreText(argument, "said", returns=3)
    path = write(ShadowLibrary("libstore.so", (Function("store", None, answer),)), tmp_path)
    code = """
store = ctypes.CDLL(sys.argv[1]).store
text = ctypes.c_char_p()
arguments = [None] * 6
arguments[int(sys.argv[2])] = ctypes.byref(text)
print(store(*arguments), store(*[None] * 6), text.value)
"""
    assert python(code, path, argument) == "3 3 b'said'"


def test_pointers_point_where_they_say(tmp_path: Path) -> None:
    pieces = (
        b"\1\2\3",
        ToText("text"),
        ToZeros(40_000),
        ToZeros(8),
        ToSymbol("number"),
        ToSymbol("number", "V1"),
        ToSymbol("later", addend=2),
        ToSymbol("environ", "GLIBC_2.2.5", "libc.so.6"),
    )
    functions = [Function("number", f"V{n}", Return(n)) for n in (1, 2)]
    data = [Data("table", None, pieces), Data("later", "V1", (b"later",))]
    path = write(ShadowLibrary("libp.so", tuple(functions), tuple(data)), tmp_path)
    code = """
library = ctypes.CDLL(sys.argv[1])
raw = (ctypes.c_char * 59).in_dll(library, "table").raw
text, zeros, more, new, old, later, environ = memoryview(raw[3:]).cast("Q")
call = lambda address: ctypes.CFUNCTYPE(ctypes.c_int)(address)()
real = ctypes.addressof(ctypes.c_void_p.in_dll(ctypes.CDLL(None), "environ"))
ctypes.memset(zeros, 1, 40000)
print(raw[:3], ctypes.string_at(text), ctypes.string_at(more, 8), call(new), call(old))
print(ctypes.string_at(later), environ == real)
"""
    assert python(code, path).splitlines() == [
        f"{pieces[0]!r} b'text' {bytes(8)!r} 2 1",
        "b'ter' True",
    ]


def test_empty_objects_have_addresses(tmp_path: Path) -> None:
    functions = (Function("empty", None, Zeros(0)), Function("other", None, Zeros(0)))
    path = write(ShadowLibrary("libe.so", functions, (Data("none", None, ()),)), tmp_path)
    code = """
library = ctypes.CDLL(sys.argv[1])
ctypes.c_char.in_dll(library, "none")
print(library.empty() != library.other())
"""
    assert python(code, path) == "True"


def test_a_refusing_object_has_no_typeinfo(tmp_path: Path) -> None:
    data = Data("pointer", None, (ToRefusingObject("no", 3),))
    path = write(ShadowLibrary("libr.so", (), (data,)), tmp_path)
    code = """
pointer = ctypes.c_uint64.in_dll(ctypes.CDLL(sys.argv[1]), "pointer")
vtable = ctypes.c_uint64.from_address(pointer.value).value
words = (ctypes.c_uint64 * 5).from_address(vtable - 16)
print(words[0], words[1], words[2] > 0, words[2] == words[3] == words[4])
"""
    assert python(code, path) == "0 0 True True"


def test_a_symbol_of_no_library_may_be_missing(tmp_path: Path) -> None:
    data = Data("words", None, (ToSymbol("is_not_there"), ToSymbol("getenv")))
    path = write(ShadowLibrary("libw.so", (), (data,)), tmp_path)
    code = """
words = (ctypes.c_uint64 * 2).in_dll(ctypes.CDLL(sys.argv[1], os.RTLD_NOW), "words")
getenv = ctypes.cast(ctypes.CDLL(None).getenv, ctypes.c_void_p).value
print(words[0], words[1] == getenv)
"""
    assert python(code, path) == "0 True"


def test_zeros_are_shared_by_calls_but_not_by_functions(tmp_path: Path) -> None:
    functions = tuple(Function(name, None, Zeros(8)) for name in ("one", "two"))
    path = write(ShadowLibrary("libz.so", functions), tmp_path)
    code = """
library = ctypes.CDLL(sys.argv[1])
for name in ("one", "two"):
    library[name].restype = ctypes.c_void_p
one, again, two = (library[name]() for name in ("one", "one", "two"))
print(one == again, abs(one - two) >= 8)
"""
    assert python(code, path) == "True True"


def test_only_what_throws_needs_the_runtime() -> None:
    quiet = ShadowLibrary("l", (Function("f", None, Return(1)),), (Data("d", None, (b"d",)),))
    assert parse_needed(quiet) == ()
    pointing = ShadowLibrary("l", (), (Data("d", None, (ToThrow("no"),)),))
    assert parse_needed(pointing) == ("libstdc++.so.6",)


def parse_needed(library: ShadowLibrary) -> tuple[str, ...]:
    return ElfFile.parse(write_shadow(library), "shadow").needed


def test_messages_are_held_once() -> None:
    functions = tuple(Function(f"f{i}", None, Throw("the only message")) for i in range(50))
    data = (Data("d", None, (ToThrow("the only message"), ToText("the only message"))),)
    written = write_shadow(ShadowLibrary("l", functions, data))
    assert written.count(b"the only message") == 1


@pytest.mark.parametrize(
    "answer",
    [
        Store(6, 0, 4),
        Store(-1, 0, 4),
        Store(0, 0, 3),
        Store(0, 256, 1),
        Store(0, -129, 1),
        Store(0, 0, 4, returns=1 << 64),
        Return(1 << 64),
        Return(-(1 << 63) - 1),
        Text("a\0b"),
        Throw("a\0b"),
        Zeros(-1),
        Zeros(1 << 40),
        Construct(7, SymbolReference("v")),
        Construct(1 << 40, SymbolReference("v")),
        Construct(8, SymbolReference("v", "V1")),
    ],
    ids=str,
)
def test_what_cannot_be_written_is_refused(answer: Throw) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        write_shadow(ShadowLibrary("l", (Function("f", None, answer),)))


def test_two_definitions_are_refused() -> None:
    function, data = Function("x", "V", Return(1)), Data("x", "V", (b"x",))
    with pytest.raises(ValueError, match="two definitions of one name"):
        write_shadow(ShadowLibrary("l", (function,), (data,)))
    other = Data("x", "W", (b"x",))
    assert write_shadow(ShadowLibrary("l", (function,), (other,)))
