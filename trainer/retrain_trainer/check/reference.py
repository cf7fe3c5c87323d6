"""The champion's profile as it was stored: anybody may write artifacts, so it is looked at."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from retrain_core.verdict.finding import Finding
from retrain_trainer.check.context import NotSeen
from retrain_trainer.profile import VERSION

Share = Annotated[float, Field(ge=0, le=1.000001, allow_inf_nan=False)]
Edge = Annotated[float, Field(allow_inf_nan=False)]


class Column(BaseModel):
    """The profile of a column; see ``retrain_trainer.profile``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["numeric", "categorical"]
    nulls: Share
    edges: list[Edge] = []
    shares: list[Share] = []
    categories: dict[str, Share] = {}
    other: Share = 0.0

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        numeric = self.kind == "numeric"
        bins = max(len(self.edges) - 1, min(len(self.edges), 1))
        if self.edges != sorted(self.edges) or len(self.shares) != bins:
            raise ValueError("edges and shares do not belong together")
        if (self.edges and not numeric) or (self.categories and numeric):
            raise ValueError("its shape is not that of its kind")
        return self

    @property
    def is_null(self) -> bool:
        """Whether there was no value at all."""
        return not self.shares and not self.categories

    @property
    def is_constant(self) -> bool:
        return len(self.edges) == 1 or (len(self.categories) == 1 and self.other == 0)


class Reference(BaseModel):
    """The profile of a table."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: int
    rows: Annotated[int, Field(ge=0)]
    columns: dict[str, Column]


def parse_reference(text: str, champion: int) -> Reference:
    """The profile in the text of its artifact.

    Raises:
        NotSeen: NoProfile.
    """
    try:
        found = Reference.model_validate_json(text)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        message = f"the profile of version {champion} cannot be read, at {where or 'its beginning'}"
        raise NotSeen(Finding.NO_PROFILE, message) from None
    if found.version != VERSION:
        message = f"the profile of version {champion} is of another Retrain ({found.version})"
        raise NotSeen(Finding.NO_PROFILE, message)
    return found
