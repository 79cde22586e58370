"""Writing a shadow library: its answers become code, its data words that the loader fills."""

from slimwheel.elf import stubs
from slimwheel.elf.image import align_up
from slimwheel.elf.shadow import (
    POINTER_SIZE,
    Answer,
    Construct,
    Data,
    Function,
    Pointer,
    Return,
    ShadowLibrary,
    Store,
    StoreText,
    Text,
    Throw,
    ToRefusingObject,
    ToSymbol,
    ToText,
    ToThrow,
    ToZeros,
    Zeros,
)
from slimwheel.elf.tables import terminated
from slimwheel.elf.writer import (
    ALIGNMENT,
    Address,
    Area,
    Displacement,
    Export,
    Place,
    SharedObject,
    SymbolReference,
    write_shared_object,
)

# Offset-to-top and typeinfo stand in front of where an object's first word points; both are 0.
_VTABLE_HEADER = 2
_THROW = ToSymbol("_ZSt21__throw_runtime_errorPKc", "GLIBCXX_3.4", "libstdc++.so.6")
"""`std::__throw_runtime_error(char const*)`, in libstdc++ since its present ABI began."""
_USABLE_SIZE = ToSymbol("malloc_usable_size", "GLIBC_2.2.5", "libc.so.6")
"""`malloc_usable_size(3)`: how many bytes a block of the heap has."""


def write_shadow(library: ShadowLibrary) -> bytes:
    """Return the file; the same description gives the same bytes.

    Raises:
        ValueError: two definitions of one name and version, a version asked of no library, a text
            that contains NUL, or a number that does not fit its place.
    """
    builder = _Builder(library)
    for function in library.functions:
        builder.add_function(function)
    for data in library.data:
        builder.add_data(data)
    return builder.build()


class _Builder:
    """Collects code, texts and data; what points to symbols waits until all are defined."""

    def __init__(self, library: ShadowLibrary) -> None:
        definitions: tuple[Function | Data, ...] = (*library.functions, *library.data)
        self._default_versions = {item.name: item.version for item in definitions}
        self._object = SharedObject(
            library.soname, needed=list(library.needed), versions=list(library.versions)
        )
        self._texts: dict[str, Place] = {}
        self._code: dict[Answer, tuple[Place, int]] = {}
        self._words: dict[ToSymbol, Place] = {}
        self._refusing: dict[ToRefusingObject, Place] = {}
        self._defined: dict[tuple[str, str | None], Place] = {}
        self._symbolic: list[tuple[int, ToSymbol]] = []

    def add_function(self, function: Function) -> None:
        place, size = self._answer(function.answer)
        self._export(function.name, function.version, place, size)

    def add_data(self, data: Data) -> None:
        place = self._reserve(data.size, ALIGNMENT)
        self._export(data.name, data.version, place, data.size)
        offset = place.offset
        for piece in data.pieces:
            if isinstance(piece, bytes):
                self._object.data[offset : offset + len(piece)] = piece
                offset += len(piece)
            else:
                self._point(offset, piece)
                offset += POINTER_SIZE

    def build(self) -> bytes:
        for offset, pointer in self._symbolic:
            version = pointer.version or self._default_versions.get(pointer.name)
            target = self._defined.get((pointer.name, version)) or SymbolReference(
                pointer.name, pointer.version, pointer.library
            )
            self._object.addresses.append(Address(offset, target, pointer.addend))
        if self._object.zeros >= stubs.LIMIT:
            raise ValueError(f"{self._object.zeros} bytes of zeros")
        return write_shared_object(self._object)

    def _export(self, name: str, version: str | None, place: Place, size: int) -> None:
        is_default = self._default_versions[name] == version
        self._object.exports.append(Export(name, version, is_default, place, size))
        self._defined[name, version] = place

    def _answer(self, answer: Answer) -> tuple[Place, int]:
        """Return where the code of an answer is, and its size; equal answers share their code."""
        if answer not in self._code or isinstance(answer, Zeros):
            self._code[answer] = self._emit(*self._stub(answer))
        return self._code[answer]

    def _stub(self, answer: Answer) -> tuple[stubs.Stub, list[Place]]:
        """Return the code of an answer, and what its holes are distances to."""
        match answer:
            case Throw(message):
                return stubs.jump_with_text(), [self._text(message), self._word(_THROW)]
            case Return(value):
                return stubs.return_value(value), []
            case Text(text):
                return stubs.return_address(), [self._text(text)]
            case Zeros(size):
                return stubs.return_address(), [self._zeros(size)]
            case Store(argument, value, size, returns):
                return stubs.store(argument, value, size, returns), []
            case StoreText(argument, text, returns):
                return stubs.store_address(argument, returns), [self._text(text)]
            case Construct(size, vtable, addend):
                word = self._word(ToSymbol(*vtable, addend))
                if size is None:
                    return stubs.construct_on_heap(), [self._word(_USABLE_SIZE), word]
                return stubs.construct(size), [word]

    def _emit(self, stub: stubs.Stub, targets: list[Place]) -> tuple[Place, int]:
        code = self._object.code
        code += stubs.TRAP * (-len(code) % stubs.ALIGNMENT)
        place = Place(Area.CODE, len(code))
        code += stub.code
        for hole, target in zip(stub.holes, targets, strict=True):
            self._object.displacements.append(Displacement(place.offset + hole, target))
        return place, len(stub.code)

    def _text(self, text: str) -> Place:
        if text not in self._texts:
            self._texts[text] = Place(Area.CONSTANTS, len(self._object.constants))
            self._object.constants += terminated(text)
        return self._texts[text]

    def _zeros(self, size: int) -> Place:
        if not 0 <= size < stubs.LIMIT:
            raise ValueError(f"{size} bytes of zeros")
        start = align_up(self._object.zeros, ALIGNMENT)
        self._object.zeros = start + (size or 1)
        return Place(Area.ZEROS, start)

    def _reserve(self, size: int, alignment: int) -> Place:
        data = self._object.data
        data += bytes(-len(data) % alignment)
        place = Place(Area.DATA, len(data))
        # Also what is empty has an address of its own, and so there is a section that has it.
        data += bytes(size or 1)
        return place

    def _word(self, pointer: ToSymbol) -> Place:
        if pointer not in self._words:
            self._words[pointer] = self._reserve(POINTER_SIZE, POINTER_SIZE)
            self._point(self._words[pointer].offset, pointer)
        return self._words[pointer]

    def _point(self, offset: int, pointer: Pointer) -> None:
        """Make eight bytes of data an address."""
        match pointer:
            case ToSymbol():
                self._symbolic.append((offset, pointer))
                return
            case ToText(text):
                target = self._text(text)
            case ToThrow(message):
                target, _ = self._answer(Throw(message))
            case ToRefusingObject():
                target = self._refusing_object(pointer)
            case ToZeros(size):
                target = self._zeros(size)
        self._object.addresses.append(Address(offset, target))

    def _refusing_object(self, pointer: ToRefusingObject) -> Place:
        if pointer not in self._refusing:
            slots = pointer.slots
            place = self._reserve((1 + _VTABLE_HEADER + slots) * POINTER_SIZE, ALIGNMENT)
            self._refusing[pointer] = place
            first = place.offset + (1 + _VTABLE_HEADER) * POINTER_SIZE
            self._object.addresses.append(Address(place.offset, Place(Area.DATA, first)))
            for slot in range(slots):
                self._point(first + slot * POINTER_SIZE, ToThrow(pointer.message))
        return self._refusing[pointer]
