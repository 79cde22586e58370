import pytest
from pydantic import BaseModel, ValidationError, field_validator

from slimwheel.errors import RecipeError
from slimwheel.pysource import parse_place


@pytest.mark.parametrize(
    "text",
    [
        "before-import:torch._C",
        "before-import:torch._C,torch._nvrtc",
        "after-import:torch._C",
        "function:include_paths",
        "function:_Ops.load_library(path)",
        "assignment:__version__",
    ],
)
def test_text_and_back(text: str) -> None:
    assert str(parse_place(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "torch",
        "line:7",
        "function:",
        "function:a b",
        "function:f(a, b)",
        "assignment:a.b",
        "after-import:a,b",
        "before-import:1a",
        "before-import:.a",
    ],
)
def test_no_place(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_place(text)


def test_pydantic_reports_it() -> None:
    class Model(BaseModel):
        place: str

        @field_validator("place")
        @classmethod
        def _check(cls, value: str) -> str:
            return str(parse_place(value))

    with pytest.raises(ValidationError, match="no place in a Python file"):
        Model(place="line:7")
