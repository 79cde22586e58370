"""The machine code of a shadow's functions: x86-64, as the psABI's calling convention asks for.

None that throws has a frame or touches the stack, so that the return address is on top of it, and
the function that a tail jump reaches finds the stack as its caller's caller left it.
Registers that a callee must preserve (rbx, rbp, r12 to r15) are not touched.

A stub is code with holes: four bytes that take the distance to something that lies elsewhere.
"""

from typing import NamedTuple

LIMIT = 1 << 30
"""Objects are smaller than this many bytes, so that distances fit into a hole."""
ALIGNMENT = 16
TRAP = b"\xcc"
"""What fills the space between functions: int3."""

_HOLE = bytes(4)
_RETURN = b"\xc3"
# The integer arguments in order: rdi, rsi, rdx, rcx, r8, r9, by the number in an instruction.
_ARGUMENTS = (7, 6, 2, 1, 8, 9)


class Stub(NamedTuple):
    """Code, and where its holes are, in the order in which the function that makes it says."""

    code: bytes
    holes: tuple[int, ...] = ()


def jump_with_text() -> Stub:
    """Call another function with the address of a text; holes: the text, a word with its address.

    lea text(%rip), %rdi
    jmp *word(%rip)
    """
    return Stub(b"\x48\x8d\x3d" + _HOLE + b"\xff\x25" + _HOLE, (3, 9))


def return_value(value: int) -> Stub:
    """Return a number: movabs $value, %rax; ret."""
    return Stub(_load_rax(value) + _RETURN)


def return_address() -> Stub:
    """Return an address; its hole is the only one: lea place(%rip), %rax; ret."""
    return Stub(b"\x48\x8d\x05" + _HOLE + _RETURN, (3,))


def store(argument: int, value: int, size: int, returns: int) -> Stub:
    """Write a number through a pointer argument unless it is NULL, and return another.

    test %argument, %argument
    jz end
    movabs $value, %rax
    mov %rax (or a part of it), (%argument)
    end: movabs $returns, %rax
    ret
    """
    if size not in (1, 2, 4, 8) or not -(1 << 8 * size - 1) <= value < 1 << 8 * size:
        raise ValueError(f"{value} is no number of {size} bytes")
    test, body = _test(argument), _load_rax(value) + _write(argument, size)
    return Stub(test + b"\x74" + bytes((len(body),)) + body + _load_rax(returns) + _RETURN)


def store_address(argument: int, returns: int) -> Stub:
    """Write an address through a pointer argument unless it is NULL; the hole is the address.

    test %argument, %argument
    jz end
    lea place(%rip), %rax
    mov %rax, (%argument)
    end: movabs $returns, %rax
    ret
    """
    test, write = _test(argument), _write(argument, 8)
    load = b"\x48\x8d\x05"
    body = load + _HOLE + write
    head = test + b"\x74" + bytes((len(body),))
    return Stub(head + body + _load_rax(returns) + _RETURN, (len(head) + len(load),))


def construct(size: int) -> Stub:
    """Zero an object and fill its first word; the hole is a word that holds what goes there.

    mov %rdi, %rdx
    xor %eax, %eax
    mov $size, %ecx
    rep stosb
    mov word(%rip), %rax
    mov %rax, (%rdx)
    ret
    """
    if not 8 <= size < LIMIT:
        raise ValueError(f"an object with a vtable of {size} bytes")
    fill = b"\x48\x89\xfa\x31\xc0\xb9" + size.to_bytes(4, "little") + b"\xf3\xaa\x48\x8b\x05"
    return Stub(fill + _HOLE + b"\x48\x89\x02" + _RETURN, (len(fill),))


def construct_on_heap() -> Stub:
    """Zero a whole block of the heap and fill its first word; holes: a word with the address of
    malloc_usable_size(3), a word that holds what goes into the first one.

    push %rdi            (which also aligns the stack for the call)
    call *word(%rip)
    pop %rdi
    mov %rdi, %rdx
    mov %rax, %rcx
    xor %eax, %eax
    rep stosb
    mov word(%rip), %rax
    mov %rax, (%rdx)
    ret
    """
    call = b"\x57\xff\x15"
    fill = b"\x5f\x48\x89\xfa\x48\x89\xc1\x31\xc0\xf3\xaa\x48\x8b\x05"
    code = call + _HOLE + fill + _HOLE + b"\x48\x89\x02" + _RETURN
    return Stub(code, (len(call), len(call) + len(_HOLE) + len(fill)))


def _test(argument: int) -> bytes:
    if argument not in range(len(_ARGUMENTS)):
        raise ValueError(f"argument {argument} is not one of {len(_ARGUMENTS)}")
    number, is_high = _ARGUMENTS[argument] & 7, _ARGUMENTS[argument] >> 3
    return bytes((0x48 | 5 * is_high, 0x85, 0xC0 | 9 * number))


def _write(argument: int, size: int) -> bytes:
    """Return the code that writes %rax, or a part of it, through an argument."""
    number, is_high = _ARGUMENTS[argument] & 7, _ARGUMENTS[argument] >> 3
    # REX: W for eight bytes, B for r8 and r9.
    rex = 0x40 | (8 if size == 8 else 0) | is_high
    prefix = (b"\x66" if size == 2 else b"") + (bytes((rex,)) if rex != 0x40 else b"")
    return prefix + bytes((0x88 if size == 1 else 0x89, number))


def _load_rax(value: int) -> bytes:
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"{value} is no number of 64 bits")
    return b"\x48\xb8" + (value % (1 << 64)).to_bytes(8, "little")
