"""What a recipe says of device code: which GPUs a wheel is made for."""

from typing import Annotated

from pydantic import Field, field_validator

from slimwheel.recipe.models import Rule, RuleId
from slimwheel.recipe.patterns import Pattern

DeviceText = Annotated[str, Field(min_length=1, description="as --device takes it")]


class DeviceCode(Rule):
    """Device images that none of the wanted GPUs would load go."""

    id: RuleId = "device-code"
    devices: tuple[DeviceText, ...] = Field(
        default=(), description="where --device names none: 9.0, a100, majors, a preset"
    )
    ptx: bool = Field(default=False, description="keep the newest PTX, for GPUs to come")
    presets: dict[RuleId, tuple[DeviceText, ...]] = Field(
        default_factory=dict, description="names for several devices"
    )

    @field_validator("presets")
    @classmethod
    def _words_of_the_command_line_stay(
        cls, presets: dict[str, tuple[str, ...]]
    ) -> dict[str, tuple[str, ...]]:
        if taken := {"native", "majors"} & presets.keys():
            raise ValueError(f"a preset cannot be called {min(taken)}: --device has that word")
        return presets

    exceptions: tuple[Pattern, ...] = Field(
        default=(), alias="except", description="libraries that stay whole"
    )
