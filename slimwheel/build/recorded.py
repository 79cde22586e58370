"""What a build was told, in the words of the manifest: written there, and read back."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slimwheel.build.compression import Compression
from slimwheel.plan import Plan, Switches, Targets
from slimwheel.wheelfile.writer import FIRST_TIMESTAMP, LAST_TIMESTAMP

_Switch = Annotated[str, Field(pattern=r"^--(keep|drop) [a-z][a-z0-9-]*$")]
# Numbers only: a word such as `native` would ask the machine that reads it.
_Device = Annotated[str, Field(pattern=r"^\d{1,3}\.\d$")]


class RecordedOptions(BaseModel):
    """All that determines a wheel's bytes beside its upstream, its recipe and the tools.

    Attributes:
        compression: how members were compressed that are not upstream's own.
        local: the local version segment that was asked for.
        switches: rules turned on and off, as the command line writes them.
        devices: the compute capabilities that device code was kept for; None where the recipe
            leaves device code as it is.
        ptx: whether PTX was to stay; None as for `devices`.
        source_date_epoch: the time of all files, in seconds since 1970. Wheels of slimwheel 0.1 do
            not say it; most of them have the first that a zip file can hold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    compression: str
    local: str | None
    switches: tuple[_Switch, ...]
    devices: tuple[_Device, ...] | None = None
    ptx: bool | None = None
    source_date_epoch: Annotated[int, Field(ge=FIRST_TIMESTAMP, le=LAST_TIMESTAMP)] = (
        FIRST_TIMESTAMP
    )

    @classmethod
    def of(cls, plan: Plan, *, local: str | None, timestamp: int, compression: Compression) -> Self:
        """Return the options of a build that this slimwheel makes."""
        code = plan.device_code
        return cls(
            compression=compression.words,
            local=local,
            switches=plan.switched,
            devices=tuple(str(device) for device in code.devices) if code else None,
            ptx=code.ptx if code else None,
            source_date_epoch=timestamp,
        )

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> Self:
        """Read a manifest's options.

        Raises:
            ValueError: one is not known, or not of its kind; the message names it.
        """
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            unknown = fault["type"] == "extra_forbidden"
            message = "is not an option that this slimwheel has" if unknown else fault["msg"]
            raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {message}") from error

    def to_json(self) -> dict[str, Any]:
        """Return them as the manifest holds them: those of device code only where some went."""
        code = {} if self.devices is None else {"devices": list(self.devices), "ptx": self.ptx}
        return {
            "compression": self.compression,
            "local": self.local,
            "source_date_epoch": self.source_date_epoch,
            "switches": list(self.switches),
            **code,
        }

    @property
    def switched(self) -> Switches:
        """The rules turned on and off."""
        words = [switch.split(" ") for switch in self.switches]
        return Switches(
            keep=tuple(rule for word, rule in words if word == "--keep"),
            drop=tuple(rule for word, rule in words if word == "--drop"),
        )

    @property
    def targets(self) -> Targets:
        """The GPUs that the wheel is for."""
        return Targets(self.devices or (), self.ptx)
