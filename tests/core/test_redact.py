"""No secret of the environment leaves in a text."""

import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_core.redact import (
    MASK,
    MIN_PART,
    MIN_SECRET,
    redactor,
    secrets_in,
    values_from_secrets,
    without_userinfo,
)

NAMES = [
    *(
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "GITHUB_TOKEN",
        "HF_TOKEN",
    ),
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD", "DB_PASS", "GITLAB_PAT"),
    *(
        "OPENAI_API_KEY",
        "APIKEY",
        "my_secret",
        "SSH_PASSPHRASE",
        "AZURE_STORAGE_KEY",
        "ACCOUNT_KEY",
    ),
    *("AZURE_STORAGE_CONNECTION_STRING", "GDRIVE_CREDENTIALS_DATA", "DEPLOY_PRIVATE_KEY"),
]
# Without the mask's own character, out of which a mask and its surroundings could make anything.
CHARACTERS = st.characters(exclude_characters="*", exclude_categories=["Cs"])
TEXTS = st.text(CHARACTERS, max_size=40)
SECRETS = st.text(CHARACTERS, min_size=MIN_SECRET, max_size=30).filter(
    lambda secret: len(secret.strip()) >= MIN_SECRET
)


@settings(max_examples=500)
@given(
    st.dictionaries(st.sampled_from(NAMES), SECRETS, min_size=1, max_size=4),
    st.lists(TEXTS, min_size=1, max_size=4),
    st.data(),
)
def test_the_value_of_a_variable_named_like_a_secret_never_appears(
    environment: dict[str, str], pieces: list[str], data: st.DataObject
) -> None:
    secret = data.draw(st.sampled_from(sorted(environment.values())))
    redacted = redactor(secrets_in(environment))(secret.join(["", *pieces, ""]))
    assert all(value not in redacted for value in environment.values())
    assert secret.strip() not in redacted


@settings(max_examples=200)
@given(st.lists(SECRETS, min_size=2, max_size=4), TEXTS)
def test_no_line_of_a_secret_of_several_lines_appears(lines: list[str], text: str) -> None:
    redact = redactor(["\n".join(lines)])
    for line in lines:
        for part in line.splitlines():
            if len(part.strip()) >= MIN_SECRET:
                assert part.strip() not in redact(f"{text}{part}{text}")


word = st.text(string.ascii_letters + string.digits + "-._~!$&(),;=%+@", min_size=1, max_size=20)


@settings(max_examples=300)
@given(st.sampled_from(["https", "s3", "postgresql+psycopg2", "HTTP"]), word, word)
def test_user_and_password_of_a_url_are_taken_out(scheme: str, user: str, password: str) -> None:
    url = f"{scheme}://{user}:{password}@host.example.com/path?x=1#y"
    clean = f"{scheme}://host.example.com/path?x=1#y"
    assert without_userinfo(url) == clean
    assert redactor([])(f"cannot reach '{url}': timeout") == f"cannot reach '{clean}': timeout"


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@github.com/team/iris.git",
        "git+ssh://git@github.com/team/iris.git",
        "git@github.com:team/iris.git",
        "https://host/path@1.2",
        "write to a@example.com",
        "s3://bucket/key?mail=a@b",
    ],
)
def test_the_user_of_an_ssh_address_and_other_at_signs_stay(text: str) -> None:
    assert redactor([])(text) == text


def test_the_password_of_an_ssh_address_is_taken_out() -> None:
    assert without_userinfo("ssh://git:secret@host/x") == "ssh://host/x"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://user:hunter22@host/x", {"hunter22"}),
        ("https://ghp_token@host/x", {"ghp_token"}),
        ("postgresql://user:p%40ssword@host/db", {"p%40ssword", "p@ssword"}),
        ("ssh://deploy@host/x", set()),
        ("git+ssh://deploy@host/x", set()),
        ("https://host/x", set()),
    ],
)
def test_credentials_within_urls_of_the_environment_are_secrets(url: str, found: set[str]) -> None:
    assert secrets_in({"MLFLOW_TRACKING_URI": url}) == found


@pytest.mark.parametrize(
    "name", ["TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "SECRET_DIR", "HOME"]
)
def test_paths_and_ordinary_variables_are_no_secrets(name: str) -> None:
    assert secrets_in({name: "/var/run/secrets"}) == set()


def test_a_secret_that_contains_another_one_is_masked_whole() -> None:
    assert redactor(["abcd", "abcdefgh"])("x abcdefgh y abcd") == f"x {MASK} y {MASK}"


def test_blanks_around_a_secret_do_not_hide_it() -> None:
    assert redactor(["  s3cret \n"])("password=s3cret.") == f"password={MASK}."


def test_what_is_too_short_for_a_secret_masks_no_ordinary_words() -> None:
    assert redactor(["a", "on", "yes", "  x  "])("yes, a person on x") == "yes, a person on x"


def test_without_secrets_a_text_stays_as_it_is() -> None:
    assert redactor([])("nothing to hide") == "nothing to hide"


def test_a_secret_on_the_border_of_what_was_cut_leaves_no_beginning() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    redact = redactor([secret])
    for length in range(MIN_PART, len(secret)):
        for end in ("", "...", "\nmore"):
            assert redact(f"denied: {secret[:length]}{end}") == f"denied: {MASK}{end}"
    # What merely begins alike is no secret.
    assert redactor(["https://idp.example.com/token"])("see https://idp.example.com/docs now") == (
        "see https://idp.example.com/docs now"
    )


def test_variables_that_a_pod_takes_from_secrets_are_secrets_whatever_their_names() -> None:
    pod = {
        "env": [
            {"name": "LICENSE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "ABSENT", "valueFrom": {"secretKeyRef": {"name": "s", "key": "x"}}},
            {"name": "PLAIN", "value": "x"},
        ]
    }
    environment = {"LICENSE": "LIC-123456", "NODE": "n1", "PLAIN": "x"}
    assert values_from_secrets(pod, environment) == {"LIC-123456"}
    assert values_from_secrets({}, environment) == set()


@pytest.mark.parametrize("quoted", [quote, quote_plus, lambda text: quote(text, safe="")])
def test_a_secret_quoted_for_a_url_is_masked(quoted: Callable[[str], str]) -> None:
    secret = "p@ss w/rd+1&"
    assert redactor([secret])(f"GET /?token={quoted(secret)}&x=1") == f"GET /?token={MASK}&x=1"


@settings(max_examples=200)
@given(st.binary(max_size=20), st.text(string.ascii_letters, min_size=12), st.binary(max_size=20))
def test_a_secret_is_masked_in_the_base64_of_whatever_it_stands_in(
    before: bytes, secret: str, after: bytes
) -> None:
    for encode in (b64encode, urlsafe_b64encode):
        encoded = encode(before + secret.encode() + after).decode()
        redacted = redactor([secret])(f"Authorization: Basic {encoded}")
        assert MASK in redacted
        left = redacted.removeprefix("Authorization: Basic ").split(MASK)
        # At both borders a character holds bits of the secret and of what stands beside it.
        around = len(b64encode(before)) + len(b64encode(after)) + 4
        assert sum(map(len, left)) <= around
