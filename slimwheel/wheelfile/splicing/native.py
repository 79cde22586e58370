"""Inflating with zlib's own interface, which tells where blocks end and Python's does not.

`inflate` with Z_BLOCK stops at the end of each block and leaves in `data_type` how many bits of
the last byte it has not used (zlib.h, "inflate"). zlib-ng is called in the library that its PyPI
package brings, and takes 0.6 of zlib's time; zlib is the machine's. Where neither can be called
(there is no zlib, or nothing exports it) there is `slimwheel.wheelfile.splicing.portable`.
"""

import ctypes
import ctypes.util
import functools
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import NamedTuple

# Small enough to stay in a processor's cache for whoever takes it.
_WINDOW = 1 << 19
_RAW = -15
_Z_NO_FLUSH = 0
_Z_BLOCK = 5
_Z_OK = 0
_Z_STREAM_END = 1
# Z_OK, and Z_BUF_ERROR: nothing was taken or given, though a block may have ended.
_GOES_ON = (_Z_OK, -5)
# Of `data_type`: the unused bits, and whether a block has just ended.
_UNUSED_BITS = 7
_AT_BOUNDARY = 128


class _ZlibStream(ctypes.Structure):
    """z_stream of zlib.h 1.2 and 1.3."""

    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


class _ZlibNgStream(ctypes.Structure):
    """zng_stream of zlib-ng.h 2."""

    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_uint32),
        ("total_in", ctypes.c_size_t),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint32),
        ("total_out", ctypes.c_size_t),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_uint32),
        ("reserved", ctypes.c_ulong),
    )


_Stream = _ZlibStream | _ZlibNgStream


class Library(NamedTuple):
    """A library that inflates by blocks: its name, and the three functions that take a stream."""

    name: str
    new: Callable[[], _Stream]
    start: Callable[[int], int]
    inflate: Callable[[int, int], int]
    end: Callable[[int], int]


@functools.cache
def fastest() -> Library | None:
    """Return the fastest library that can be called here, None where there is none."""
    # Looking for zlib starts programs, so it is done only where it has to be.
    return _zlib_ng() or _zlib()


def libraries() -> tuple[Library, ...]:
    """Return all libraries that can be called here, the fastest first."""
    return tuple(library for library in (_zlib_ng(), _zlib()) if library is not None)


def engine(library: Library) -> Callable[..., Iterator[memoryview]]:
    """Return an engine, as `slimwheel.wheelfile.splicing.blocks` describes it."""
    return functools.partial(_inflate, library)


def _inflate(
    library: Library, windows: Iterable[bytes], note: Callable[[int, int], bool]
) -> Iterator[memoryview]:
    run = _Run(library, note)
    try:
        for window in windows:
            yield from run.feed(window)
        yield run.rest()
    finally:
        library.end(run.address)


class _Run:
    """One stream that is being inflated; who makes it calls the library's `end`."""

    def __init__(self, library: Library, note: Callable[[int, int], bool]) -> None:
        self._inflate = library.inflate
        self._note = note
        self._stream = library.new()
        self.address = ctypes.addressof(self._stream)
        self._out = ctypes.create_string_buffer(_WINDOW)
        self._view = memoryview(self._out).cast("B")
        self._taken = 0
        self._given = 0
        self._flush = _Z_BLOCK
        self._result = _Z_OK
        if library.start(self.address) != _Z_OK:
            raise MemoryError(f"{library.name} cannot start to inflate")
        self._empty_output()

    def feed(self, window: bytes) -> Iterator[memoryview]:
        """Inflate the next bytes; each view is valid until the next is asked for."""
        if not window:
            return
        stream = self._stream
        # The object keeps the bytes where they are until the library has taken them.
        held = ctypes.c_char_p(window)
        stream.next_in = ctypes.cast(held, ctypes.c_void_p).value
        stream.avail_in = len(window)
        self._taken += len(window)
        while self._result == _Z_OK and self._step():
            if not stream.avail_out:
                yield self._view
                self._given += _WINDOW
                self._empty_output()
        if self._result not in (_Z_OK, _Z_STREAM_END):
            why = (stream.msg or b"").decode("ascii", "replace") or f"error {self._result}"
            raise ValueError(f"cannot be inflated: {why}")
        if stream.avail_in:
            raise ValueError("has bytes behind its deflate stream")

    def rest(self) -> memoryview:
        """Return what has not been given yet, once all bytes were fed."""
        if self._result != _Z_STREAM_END:
            raise ValueError("has a deflate stream without an end")
        return self._view[: _WINDOW - self._stream.avail_out]

    def _step(self) -> bool:
        """Go on to the end of a block, of the input or of the output; tell whether to go on."""
        stream = self._stream
        left = stream.avail_in, stream.avail_out
        self._result = self._inflate(self.address, self._flush)
        if self._result not in _GOES_ON:
            return True
        is_stuck = self._result != _Z_OK or (stream.avail_in, stream.avail_out) == left
        self._result = _Z_OK
        if self._flush == _Z_BLOCK and stream.data_type & _AT_BOUNDARY:
            unused = stream.data_type & _UNUSED_BITS
            offset = self._given + _WINDOW - stream.avail_out
            if not self._note(8 * (self._taken - stream.avail_in) - unused, offset):
                self._flush = _Z_NO_FLUSH
        elif is_stuck:
            # There is no more input, or the library errs.
            if stream.avail_in:
                raise ValueError("cannot be inflated: the library makes no progress")
            return False
        return True

    def _empty_output(self) -> None:
        self._stream.next_out = ctypes.addressof(self._out)
        self._stream.avail_out = _WINDOW


def _zlib_ng() -> Library | None:
    try:
        path = import_module("zlib_ng.zlib_ng").__file__
        if path is None:
            return None
        library = ctypes.CDLL(path)
        library.zlibng_version.restype = ctypes.c_char_p
        if not library.zlibng_version().startswith(b"2."):
            return None
        start = _declared(library.zng_inflateInit2, ctypes.c_int)
        return Library(
            "zlib-ng",
            _ZlibNgStream,
            lambda stream: int(start(stream, _RAW)),
            _declared(library.zng_inflate, ctypes.c_int),
            _declared(library.zng_inflateEnd),
        )
    except (ImportError, OSError, AttributeError):
        return None


def _zlib() -> Library | None:
    try:
        name = ctypes.util.find_library("z")
        if name is None:
            return None
        library = ctypes.CDLL(name)
        library.zlibVersion.restype = ctypes.c_char_p
        version, size = library.zlibVersion(), ctypes.sizeof(_ZlibStream)
        # Refuses a stream of another size, and another major version.
        start = _declared(library.inflateInit2_, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
        return Library(
            "zlib",
            _ZlibStream,
            lambda stream: int(start(stream, _RAW, version, size)),
            _declared(library.inflate, ctypes.c_int),
            _declared(library.inflateEnd),
        )
    except (OSError, AttributeError):
        return None


def _declared(function: "ctypes._NamedFuncPointer", *more: type) -> Callable[..., int]:
    """Declare a function that takes a stream's address, and more."""
    function.argtypes = [ctypes.c_void_p, *more]
    function.restype = ctypes.c_int
    return function
