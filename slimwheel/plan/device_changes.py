"""What happens to the device code of one library: some images go, all of them, or none."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from slimwheel.cuda import emptied, prune
from slimwheel.cuda.pruning import Choice
from slimwheel.elf import ElfFile, ElfShapeError, Patch, Shortened, shorten
from slimwheel.plan.device_code import LibraryCode
from slimwheel.plan.device_rules import reason
from slimwheel.plan.model import Plan


@dataclass(frozen=True)
class DeviceChange:
    """Changes for `slim` that `rule` asked for; by them a wheel loses about `cut_packed` bytes."""

    rule: str | None = None
    words: str = ""
    patches: tuple[Patch, ...] = ()
    shortened: Shortened | None = None
    cut_packed: int = 0


def change_device_code(
    plan: Plan, member: str, elf: ElfFile, leftovers: Iterable[range], *, symbols: bool
) -> DeviceChange:
    """Take out of a library what its plan says; where that cannot be done safely, warn.

    Args:
        leftovers: pages that go together with device code, as `shorten` takes them.
        symbols: whether the static symbol tables stay.

    Raises:
        ElfShapeError: a library that has to be without device code cannot be changed at all.
        ElfError: it is damaged.
    """
    recipe = plan.loaded.recipe
    if recipe.cuda is not None and plan.cuda is not None and member in plan.cuda.emptied:
        return _emptied(plan, recipe.cuda.id, member, elf, leftovers, symbols)
    if recipe.device_code is None or plan.device_code is None:
        return DeviceChange()
    if member not in plan.device_code.libraries:
        return DeviceChange()
    try:
        change, code = _pruned(plan, member, elf, plan.device_code.choose, leftovers, symbols)
    except ElfShapeError as error:
        plan.warnings.append(f"{member} keeps all its device code: {reason(error)}")
        return DeviceChange()
    if code.before == code.after:
        return DeviceChange()
    plan.device_code.libraries[member] = code
    before, after = (sum(map(len, images)) for images in code)
    words = f"{before - after:,} of {before:,} device images taken out"
    return replace(change, rule=recipe.device_code.id, words=words)


def _emptied(
    plan: Plan, rule: str, member: str, elf: ElfFile, leftovers: Iterable[range], symbols: bool
) -> DeviceChange:
    try:
        change, _ = _pruned(plan, member, elf, lambda _: frozenset(), leftovers, symbols)
    except ElfShapeError:
        # In place it always works; the file only does not become smaller.
        change = DeviceChange(patches=tuple(emptied(elf)))
    return replace(change, rule=rule, words="every device image taken out")


def _pruned(
    plan: Plan,
    member: str,
    elf: ElfFile,
    choice: Choice,
    leftovers: Iterable[range],
    symbols: bool,
) -> tuple[DeviceChange, LibraryCode]:
    pruning = prune(elf, choice, symbols=symbols)
    shortened = shorten(elf, pruning.sizes, leftovers) if pruning.sizes else None
    if shortened is not None and shortened.left:
        plan.warnings.append(
            f"{member} has no room for more program headers: {shortened.left:,} bytes stay in it "
            "as zeros"
        )
    code = LibraryCode(pruning.before, pruning.after)
    return DeviceChange(None, "", pruning.patches, shortened, code.removed_packed), code
