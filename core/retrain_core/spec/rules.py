"""What must hold beyond types and limits: once in CEL for the API server, once in Python.

Both stand in one :class:`Rule`, with the sentence that a person reads, so that a manifest refused
by `kubectl apply` is refused by `retrain run` for the same reason. Expressions use the part of RE2
and of Python's `re` in which both mean the same: no `\\w`, `\\s` or `\\d`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

VALIDATIONS = "x-kubernetes-validations"
UNSEEN = "unseen"
"""Marks an entry that the CRD must state on the parent: the API server repeats what it refuses,
but no object."""


@dataclass(frozen=True)
class Rule:
    """In ``Annotated[...]`` it checks that value; in a model's ``RULES`` it checks the model."""

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    """None: about a change, or about metadata, which only the API server sees as CEL does."""
    unseen: bool = False
    """Whether the value may hold a secret, so that no refusal may repeat it."""

    def checked(self, value: Any) -> Any:
        """``value``; ValueError if the rule does not hold for it."""
        if self.holds is not None and not self.holds(value):
            raise ValueError(self.message)
        return value

    def validation(self) -> dict[str, str]:
        """The rule as an entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        return {**entry, UNSEEN: "true"} if self.unseen else entry

    def of_unseen(self) -> "Rule":
        """The same rule for a value that no refusal may repeat."""
        return replace(self, unseen=True)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(self.checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return with_rules(handler(schema), [self])


def with_rules(schema: dict[str, Any], rules: list[Rule]) -> dict[str, Any]:
    """``schema`` with ``rules`` after those it has."""
    if not rules:
        return schema
    stated = [*schema.get(VALIDATIONS, []), *(rule.validation() for rule in rules)]
    return {**schema, VALIDATIONS: stated}


def matching(pattern: str, message: str) -> Rule:
    """A text in which ``pattern`` is found."""
    found = _compiled(pattern)
    return Rule(
        f"self.matches({_literal(pattern)})", message, lambda text: found.search(text) is not None
    )


def without(pattern: str, message: str) -> Rule:
    """A text in which ``pattern`` is not found."""
    found = _compiled(pattern)
    return Rule(
        f"!self.matches({_literal(pattern)})", message, lambda text: found.search(text) is None
    )


def keys_without(pattern: str, message: str) -> Rule:
    """A map in none of whose keys ``pattern`` is found."""
    found = _compiled(pattern)
    return Rule(
        f"self.all(key, !key.matches({_literal(pattern)}))",
        message,
        lambda entries: not any(found.search(key) for key in entries),
    )


def keys_matching(pattern: str, message: str) -> Rule:
    """A map in all of whose keys ``pattern`` is found."""
    found = _compiled(pattern)
    return Rule(
        f"self.all(key, key.matches({_literal(pattern)}))",
        message,
        lambda entries: all(found.search(key) for key in entries),
    )


def _literal(pattern: str) -> str:
    return f"r'{pattern}'"


def _compiled(pattern: str) -> re.Pattern[str]:
    # RE2's $ is the end and never stands before a last line break.
    return re.compile(pattern.replace("$", r"\Z"))


NO_OPTION = without(r"^-|[\x00-\x1f\x7f]", "must not start with '-' or contain control characters")
INSIDE = without(
    r"^/|(^|/)\.\.(/|$)", "must be a path inside the repository: relative and without '..'"
)

# A user name alone is part of an ssh address and no secret.
_USERINFO = r"^[^0-9A-Za-z]*[A-Za-z][0-9A-Za-z+.-]*://[^/?#]*@"
_SSH_USER = r"^[sS][sS][hH]://[^/?#:]*@[^/?#@]*([/?#]|$)"
_USERINFO_FOUND, _SSH_USER_FOUND = _compiled(_USERINFO), _compiled(_SSH_USER)
NO_CREDENTIALS = Rule(
    f"!self.matches({_literal(_USERINFO)}) || self.matches({_literal(_SSH_USER)})",
    # In a URL they would reach logs and statuses; from a Secret they do not.
    "must not contain credentials: put them into a Secret (secretRef)",
    lambda text: not _USERINFO_FOUND.search(text) or bool(_SSH_USER_FOUND.search(text)),
)

# Loopback, or a Service by its name: what is sent there stays on the machine or in the cluster.
_NEAR = (
    r"^http://(localhost|127[.][0-9.]+|\[::1\]|[A-Za-z][0-9A-Za-z_-]*"
    r"|([0-9A-Za-z_-]+[.])+svc([.]cluster[.]local)?[.]?)(:[0-9]+)?([/?#]|$)"
)
_NEAR_FOUND = _compiled(_NEAR)


def no_secret_over_http(field: str) -> Rule:
    """Of a model with a secretRef and an address in ``field``, as the API calls it."""
    attribute = re.sub(r"(?<=[a-z])([A-Z]+)", lambda found: f"_{found[1].lower()}", field)
    address = f"self.{field}"

    def holds(model: Any) -> bool:
        url = getattr(model, attribute)
        if model.secret_ref is None or url is None:
            return True
        return not url.lower().startswith("http://") or bool(_NEAR_FOUND.search(url))

    return Rule(
        f"!has(self.secretRef) || !has({address})"
        f" || !{address}.matches(r'^[hH][tT][tT][pP]://') || {address}.matches({_literal(_NEAR)})",
        f"{field}: credentials are not sent over http: use https, or the name of a Service in the"
        " cluster, such as http://NAME.NAMESPACE.svc",
        holds,
    )


_NO_SPACE = r"[^\x00-\x20\x7f]"
# A host that starts with '-' would be an option of ssh.
_HOST = r"[^/@\x00-\x20\x7f-][^/@\x00-\x20\x7f]*"
_WORD = r"[0-9A-Za-z_][0-9A-Za-z_.-]*"
GIT_URL = matching(
    rf"^((https?|ssh)://([0-9A-Za-z_.-]+@)?{_HOST}/{_NO_SPACE}+"
    rf"|{_WORD}@{_WORD}:[^:\x00-\x20\x7f-]{_NO_SPACE}*)$",
    "must be https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH",
)
# Letters, digits and _ to begin with, then ./+@- too; beyond ASCII whatever git takes.
_FIRST = r"[^\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]"
_LATER = r"[^\x00-\x2a\x2c\x3a-\x3f\x5b-\x5e\x60\x7b-\x7f]"
_REVISION = "must be a branch, a tag or a commit"
REVISION = matching(rf"^{_FIRST}{_LATER}*$", _REVISION)
NO_RANGE = without(r"\.\.", _REVISION)

NOT_RESERVED = without(
    r"^([lL][aA][tT][eE][sS][tT]|[vV][0-9]+)$", "MLflow reserves `latest` and `v<number>`"
)

LABEL_KEYS = keys_matching(
    r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[0-9A-Za-z]([-0-9A-Za-z_.]{0,61}[0-9A-Za-z])?$",
    "keys are [PREFIX/]NAME: NAME of at most 63 letters, digits, '-', '_' and '.'",
)
NOT_OURS = keys_without(
    r"^([a-z0-9.-]+\.)?retrain\.dev/", "keys under retrain.dev/ are set by Retrain alone"
)
NOT_OF_A_RUN = keys_without(
    r"^(retrain\.dev/|mlflow\.)",
    "keys under retrain.dev/ and mlflow. are set by Retrain and MLflow alone",
)

DNS_NAME = Rule(
    "self.metadata.name.size() <= 63"
    " && self.metadata.name.matches(r'^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    "metadata.name: at most 63 lower-case letters, digits and '-'",
)


def immutable(fields: list[str], mutable: list[str], kind: str) -> Rule:
    """That none of ``fields`` of a spec comes, goes or changes; they are named as in the API."""
    same = [
        f"has(self.{field}) == has(oldSelf.{field})"
        f" && (!has(self.{field}) || self.{field} == oldSelf.{field})"
        for field in fields
    ]
    changeable = f"{', '.join(mutable[:-1])} and {mutable[-1]}"
    return Rule(
        " && ".join(same),
        f"only {changeable} of a {kind} can be changed: make a new {kind} for everything else",
    )


CANCELLED_FOR_GOOD = Rule(
    "!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)",
    "a cancelled run stays cancelled: make a new TrainingRun",
)
