"""Which GPUs a wheel is made for, and which images its libraries hold for them."""

from collections.abc import Collection, Iterable, Mapping

from slimwheel.cuda import (
    ComputeCapability,
    chosen,
    native_capabilities,
    parse_device,
    read_containers,
    read_images,
)
from slimwheel.elf import ElfFile, ElfShapeError
from slimwheel.errors import UsageError, WheelError
from slimwheel.plan.device_code import DevicePlan, Images, LibraryCode, Targets, majors, runs
from slimwheel.plan.facts import Facts
from slimwheel.plan.model import Action, Plan
from slimwheel.recipe import DeviceCode, Recipe
from slimwheel.recipe.patterns import Matcher

_NATIVE = "native"
_MAJORS = "majors"
_UNSTATED = frozenset({_NATIVE, _MAJORS})


def decide_device_code(plan: Plan, facts: Facts, targets: Targets) -> None:
    """Find out what there is for the wanted GPUs; `decide_elf` takes the rest out.

    Raises:
        UsageError: no GPU is named, or one that is unknown, or that the wheel has no code for.
        WheelError: the wheel has no device code.
        ToolError: the GPUs of this machine are asked for and cannot be found out.
        ElfError: a member is damaged.
    """
    recipe = plan.loaded.recipe
    rule = plan.rule_on(recipe.device_code, facts.wheel.version)
    if rule is None:
        if targets.devices or targets.ptx is not None:
            off = recipe.device_code is not None
            raise UsageError(
                f"recipe {recipe.name} takes no device code out"
                + (" here: its rule device-code is off" if off else "")
                + ", so it needs no device",
                hint="Leave --device and --ptx out" + ("." if off else ", or use --recipe gpu."),
            )
        return
    words = _words(rule, recipe, targets)
    libraries, unread = _libraries(plan, facts, rule)
    if not libraries:
        raise _nothing_to_choose_from(unread, facts.wheel.file)
    devices = _devices(words, libraries.values())
    if not devices:
        raise UsageError(
            f"{' '.join(words) or 'an empty preset'} names no GPU",
            file=facts.wheel.file,
            hint=f"Name one; it has {', '.join(_targets(libraries.values()))}.",
        )
    for device in devices:
        if not runs(libraries.values(), device):
            raise UsageError(
                f"has no code that a GPU of compute capability {device} could run",
                file=facts.wheel.file,
                hint=f"It has {', '.join(_targets(libraries.values()))}.",
            )
        _warn_of_gaps(plan, device, libraries.values())
    ptx = rule.ptx if targets.ptx is None else targets.ptx
    plan.device_code = DevicePlan(devices, ptx, unread=tuple(unread))
    for member, images in libraries.items():
        plan.device_code.libraries[member] = LibraryCode(images, images)


def stated_devices(recipe: Recipe, targets: Targets) -> tuple[ComputeCapability, ...] | None:
    """Return the GPUs that a wheel would be made for, without looking at one; None where they
    depend on the wheel or on this machine.

    Raises:
        UsageError: no GPU is named, or one that is unknown, or the recipe takes no device code out.
    """
    rule = recipe.device_code
    if rule is None:
        raise UsageError(
            f"recipe {recipe.name} takes no device code out, so it needs no device",
            hint="Leave devices and PTX out, or use the recipe gpu.",
        )
    words = _words(rule, recipe, targets)
    known = tuple(sorted({parse_device(word) for word in words if word not in _UNSTATED}))
    return None if _UNSTATED.intersection(words) else known


def asks_this_machine(plan: Plan, targets: Targets) -> bool:
    """Tell whether the GPUs that a plan is for were those of the machine that made it."""
    recipe = plan.loaded.recipe
    if plan.device_code is None or recipe.device_code is None:
        return False
    return _NATIVE in _words(recipe.device_code, recipe, targets)


def _words(rule: DeviceCode, recipe: Recipe, targets: Targets) -> tuple[str, ...]:
    """Return the devices that are asked for, presets resolved."""
    words = targets.devices or rule.devices
    if not words:
        presets = "".join(f", {name}" for name in rule.presets)
        raise UsageError(
            f"recipe {recipe.name} has to know for which GPUs",
            hint=f"Name them: --device 9.0, --device a100, native, majors{presets}.",
        )
    return tuple(device for word in words for device in rule.presets.get(word, (word,)))


def _devices(
    words: Collection[str], libraries: Collection[Images]
) -> tuple[ComputeCapability, ...]:
    devices: set[ComputeCapability] = set()
    for word in words:
        if word == _NATIVE:
            devices.update(native_capabilities())
        elif word == _MAJORS:
            devices.update(majors(libraries))
        else:
            devices.add(parse_device(word))
    return tuple(sorted(devices))


def _nothing_to_choose_from(unread: Mapping[str, str], file: str) -> WheelError:
    if not unread:
        return WheelError(
            "has no device code, but for libraries that the recipe leaves alone",
            file=file,
            hint="Give it a build for CUDA, or use --recipe cpu.",
        )
    member, why = next(iter(unread.items()))
    return WheelError(
        f"has no device code of a known shape: {member}: {why}",
        file=file,
        hint="Use the wheel as it is, or --recipe cpu.",
    )


def _libraries(
    plan: Plan, facts: Facts, rule: DeviceCode
) -> tuple[dict[str, Images], dict[str, str]]:
    """Return the images of every library that may lose some, and why others cannot be read."""
    excepted = Matcher(rule.exceptions)
    found: dict[str, Images] = {}
    unread: dict[str, str] = {}
    for decision in plan.with_action(Action.KEEP):
        member = decision.member
        if not facts.is_elf(member) or excepted(member):
            continue
        elf = facts.known_elf(member)
        if elf is None:
            continue
        try:
            images = _images(elf)
        except ElfShapeError as error:
            unread[member] = reason(error)
            plan.warnings.append(f"{member} keeps all its device code: {unread[member]}")
            continue
        if any(images):
            found[member] = images
    return found, unread


def reason(error: ElfShapeError) -> str:
    """Return why a library cannot be changed, and where in it that was seen."""
    return f"{error.message} ({error.place})" if error.place else error.message


def _warn_of_gaps(plan: Plan, device: ComputeCapability, libraries: Collection[Images]) -> None:
    """Most of a wheel may have nothing for a GPU that a little of it serves, as with few PTX."""
    containers = [images for code in libraries for images in code if images]
    without = sum(not chosen(images, device) for images in containers)
    if 2 * without > len(containers):
        plan.warnings.append(
            f"a GPU of compute capability {device} finds no code in {without:,} of "
            f"{len(containers):,} places where upstream has some for others: most of torch fails "
            "on it, as with upstream's build"
        )


def _images(elf: ElfFile) -> Images:
    return tuple(read_images(elf, container) for container in read_containers(elf))


def _targets(libraries: Iterable[Images]) -> list[str]:
    images = {image for code in libraries for container in code for image in container}
    found = {(image.kind, image.architecture): image.target for image in images if image.is_code}
    return [found[key] for key in sorted(found, key=lambda key: (-key[0], key[1]))]
