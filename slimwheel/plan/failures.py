"""What a failed import says about the recipe: which function of a shadow library wants a rule."""

import re

from slimwheel.plan.answers import demangled
from slimwheel.plan.model import Plan

_UNDEFINED = re.compile(r"undefined symbol: (\w+)")


def missing_rule(output: str, plan: Plan) -> str | None:
    """Return the way out of a failed import in one sentence; None where CUDA is not to blame.

    Args:
        output: what the process wrote to its standard error.
    """
    shadow = plan.loaded.recipe.shadow
    if plan.cuda is None or shadow is None:
        return None
    if undefined := _UNDEFINED.search(output):
        return (
            f"Nothing defines {undefined[1]}: name it in a [[shadow.export]] of the recipe, or "
            "keep the library that has it with [[cuda.keep]]."
        )
    found = re.search(rf"([^\n]*): {re.escape(shadow.message)}", output)
    if not found:
        return None
    # Behind what the C++ runtime or Python put in front of it.
    name = re.sub(r"^.*(what\(\):|Error:)\s+", "", found[1]).strip()
    symbols = sorted(
        symbol
        for library in plan.cuda.shadows
        for symbol in library.symbols
        if demangled(symbol) == name
    )
    return (
        f"{name} is called by this import and has no rule: add a [[shadow.answer]] to the recipe "
        f"with symbols = [{', '.join(map(repr, symbols or [name]))}] and one of returns, text, "
        "zeros, store, constructs and throws, as docs/cpu-from-cuda.md explains."
    )
