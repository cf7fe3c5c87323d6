"""The base of every spec model, and the string types the API is made of."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from retrain_core.spec.rules import (
    GIT_URL,
    INSIDE,
    NO_CREDENTIALS,
    NO_OPTION,
    NO_RANGE,
    NOT_RESERVED,
    REVISION,
    Rule,
    with_rules,
)

GROUP = "retrain.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

_INITIALISMS = {"url": "URL", "uri": "URI", "id": "ID", "md5": "MD5", "uid": "UID"}


def api_name(field: str) -> str:
    """The API's spelling of a Python field: ``endpoint_url`` is ``endpointURL``."""
    first, *rest = field.split("_")
    return first + "".join(_INITIALISMS.get(word, word.capitalize()) for word in rest)


class SpecModel(BaseModel):
    """Unknown fields and values of another type are refused, as by the API server."""

    RULES: ClassVar[tuple[Rule, ...]] = ()
    """What must hold between the fields; checked in this order up to the first that does not."""

    model_config = ConfigDict(
        alias_generator=api_name,
        extra="forbid",
        frozen=True,
        strict=True,
        populate_by_name=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.RULES:
            rule.checked(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = handler(schema)
        resolved = handler.resolve_ref_schema(made)
        resolved.update(with_rules(resolved, list(cls.RULES)))
        return made

    def to_api(self) -> dict[str, Any]:
        """The JSON form, without what was not said."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=DNS_LABEL)]
ObjectName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
]
ModelName = Annotated[
    str, StringConstraints(min_length=1, max_length=250, pattern=r"^[^/:@\x00-\x20\x7f]+$")
]
Alias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=250, pattern=r"^[0-9A-Za-z_-]+$"),
    NOT_RESERVED,
]
ParameterKey = Annotated[str, StringConstraints(min_length=1, max_length=250)]
LabelValue = Annotated[
    str,
    StringConstraints(max_length=63, pattern=r"^([0-9A-Za-z]([-0-9A-Za-z_.]*[0-9A-Za-z])?)?$"),
]
AnnotationValue = Annotated[str, StringConstraints(max_length=4096)]
Size = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?([KMGTPE]i|[kMGTPE])?$"
    ),
]
RelativePath = Annotated[Text, INSIDE, NO_OPTION]
URL = Annotated[Text, NO_CREDENTIALS.of_unseen(), NO_OPTION.of_unseen()]
GitURL = Annotated[URL, GIT_URL.of_unseen()]
Revision = Annotated[str, StringConstraints(min_length=1, max_length=255), REVISION, NO_RANGE]


class SecretRef(SpecModel):
    """A Secret of the same namespace. On a laptop the environment counts instead."""

    name: ObjectName
    """The Secret's name."""


MAX_INT32 = 2_147_483_647
Seconds = Annotated[int, Field(ge=1, le=MAX_INT32)]
Count = Annotated[int, Field(ge=0, le=MAX_INT32)]
