"""The base of every spec model, and the string types the API is made of."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

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

    model_config = ConfigDict(
        alias_generator=api_name,
        extra="forbid",
        frozen=True,
        strict=True,
        populate_by_name=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    def to_api(self) -> dict[str, Any]:
        """The JSON form, without what was not said."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _relative_path(value: str) -> str:
    if value.startswith("/") or ".." in value.split("/"):
        raise ValueError("must be a path inside the repository: relative and without '..'")
    if _CONTROL.search(value) or value.startswith("-"):
        raise ValueError("must not start with '-' or contain control characters")
    return value


def _without_userinfo(value: str) -> str:
    """Credentials in a URL would reach logs and statuses; a Secret does not.

    A user name alone is part of an ssh address and no secret.
    """
    match = re.match(r"\s*([a-z][a-z0-9+.-]*)://([^/?#]*)@", value, re.IGNORECASE)
    if match and (match[1].lower() != "ssh" or ":" in match[2]):
        raise ValueError("must not contain credentials: put them into a Secret (secretRef)")
    if _CONTROL.search(value) or value.startswith("-"):
        raise ValueError("must not start with '-' or contain control characters")
    return value


def _git_url(value: str) -> str:
    _without_userinfo(value)
    # A host that starts with '-' would be an option of ssh.
    if re.fullmatch(r"(https?|ssh)://([\w.-]+@)?[^/\s@-][^/\s@]*/\S+", value):
        return value
    if re.fullmatch(r"\w[\w.-]*@\w[\w.-]*:[^\s:-]\S*", value):
        return value
    raise ValueError("must be https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH")


def _revision(value: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z_][\w./+@-]*", value) or ".." in value:
        raise ValueError("must be a branch, a tag or a commit")
    return value


def _alias(value: str) -> str:
    if re.match(r"^v\d+$|^latest$", value, re.IGNORECASE):
        raise ValueError("MLflow reserves `latest` and `v<number>`")
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"),
]
ObjectName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^[^/:@\s]+$")]
Alias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=250, pattern=r"^[\w-]+$"),
    AfterValidator(_alias),
]
ParameterKey = Annotated[str, StringConstraints(min_length=1, max_length=250)]
RelativePath = Annotated[Text, AfterValidator(_relative_path)]
URL = Annotated[Text, AfterValidator(_without_userinfo)]
GitURL = Annotated[Text, AfterValidator(_git_url)]
Revision = Annotated[
    str, StringConstraints(min_length=1, max_length=255), AfterValidator(_revision)
]


class SecretRef(SpecModel):
    """A Secret of the same namespace. On a laptop the environment counts instead."""

    name: ObjectName


Seconds = Annotated[int, Field(ge=1, le=2_147_483_647)]
