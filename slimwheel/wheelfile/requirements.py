"""Values of Requires-Dist."""

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


def requirement_name(requirement: str) -> str:
    """Return the normalized project of a Requires-Dist value; as it is where it is not valid."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return requirement
