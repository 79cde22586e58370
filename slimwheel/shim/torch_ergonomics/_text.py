"""A description as people read it."""

from typing import Any, Dict, List


def as_text(description: Dict[str, Any]) -> str:
    """The lines that `python -m torch_ergonomics` prints; `description` as from describe()."""
    kind = description["kind"]
    if kind == "none":
        return "There is no torch in this environment."
    if kind == "slim":
        lines = _slim(description)
    else:
        lines = [
            "torch %s, as upstream made it" % (description["version"] or "of unknown version"),
            _field("location", description["location"]),
        ]
    lines += ["! " + finding for finding in description["findings"]]
    return "\n".join(lines)


def _slim(description: Dict[str, Any]) -> List[str]:
    upstream = description["upstream"]
    tools = ", ".join("%s %s" % item for item in sorted(description["tools"].items()))
    lines = [
        "%s %s, a slim build of %s %s"
        % (
            description["distribution"],
            description["version"],
            upstream["name"],
            upstream["version"],
        ),
        _field("location", description["location"]),
        _field("upstream", upstream["filename"]),
        _field("", "sha256 " + upstream["sha256"]),
        _field("recipe", description["recipe"]["name"]),
        _field("made with", tools),
        _field("companion", _state(description["companion"])),
        _field("dev wheel", _state(description["dev"])),
    ]
    for other in description["beside"]:
        slim = "%s %s" % (other["distribution"], other["version"])
        made_of = "%s %s" % (other["upstream"]["name"], other["upstream"]["version"])
        lines.append(_field("beside it", "%s, a slim build of %s" % (slim, made_of)))
    if description["device_code"]:
        lines += _gpus(description["device_code"])
    lines.append("removed:")
    for removed in description["removed"]:
        lines += [
            "  %s: %d files, %.2f MB" % (removed["rule"], removed["files"], removed["bytes"] / 1e6),
            "    why:  " + removed["reason"],
            "    lost: " + removed["loses"],
        ]
        if removed["dev"] and description["dev"]:
            lines.append("    back: pip install " + description["dev"]["requirement"])
    return lines


def _gpus(code: Dict[str, Any]) -> List[str]:
    devices, architectures, served = (
        ", ".join(code[key]) for key in ("devices", "architectures", "served")
    )
    return [
        _field("GPUs", "%s (code for %s; runs on %s)" % (devices, architectures, served)),
        _field("", "with PTX for newer GPUs" if code["ptx"] else "without PTX for newer GPUs"),
    ]


def _state(part: Any) -> str:
    if part is None:
        return "none"
    if part["matches"]:
        return "%s, installed" % part["requirement"]
    if part["installed"]:
        return "%s, but %s is installed" % (part["requirement"], part["installed"])
    return "%s, not installed" % part["requirement"]


def _field(name: str, value: str) -> str:
    return "  %-10s %s" % (name, value)
