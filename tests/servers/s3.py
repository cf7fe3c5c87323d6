"""S3: versitygw over a directory."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session  # type: ignore[import-untyped, unused-ignore]
from botocore.config import Config  # type: ignore[import-untyped, unused-ignore]
from botocore.exceptions import (  # type: ignore[import-untyped, unused-ignore]
    BotoCoreError,
    ClientError,
)

from servers.binaries import versitygw_binary
from servers.process import serving

REGION = "us-east-1"


@dataclass(frozen=True)
class S3Server:
    endpoint: str
    access_key: str
    secret_key: str
    log: Path

    def environment(self) -> dict[str, str]:
        """What DVC, s3fs and boto3 read their credentials from."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def client(self, *, access_key: str | None = None, secret_key: str | None = None) -> Any:
        """A botocore client; other keys than the right ones show how a refusal looks."""
        return _client(self.endpoint, access_key or self.access_key, secret_key or self.secret_key)

    def create_bucket(self, name: str) -> None:
        self.client().create_bucket(Bucket=name)

    def keep_versions(self, bucket: str) -> None:
        self.client().put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
        )

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self.client().put_object(Bucket=bucket, Key=key, Body=content)

    def get(self, bucket: str, key: str) -> bytes:
        content: bytes = self.client().get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def objects(self, bucket: str) -> list[str]:
        """The keys, folder markers left out."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [str(entry["Key"]) for page in pages for entry in page.get("Contents", [])]
        return sorted(key for key in keys if not key.endswith("/"))


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    folder = folder.resolve()
    buckets, attributes, users = folder / "buckets", folder / "attributes", folder / "users"
    versions = folder / "versions"
    for directory in (buckets, attributes, users, versions):
        directory.mkdir(parents=True, exist_ok=True)
    binary = versitygw_binary()
    log = folder / "s3.log"
    access_key, secret_key = f"test{secrets.token_hex(8)}", secrets.token_hex(20)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "ROOT_ACCESS_KEY": access_key,
        "ROOT_SECRET_KEY": secret_key,
    }

    def command(port: int) -> Sequence[str]:
        # --sidecar: a temporary folder in memory need not know extended attributes.
        # --versioning-dir: versions are kept of the buckets that are told to.
        options = ["--sidecar", str(attributes), "--versioning-dir", str(versions)]
        backend = ["posix", *options, str(buckets)]
        # --iam-dir: without it an unknown access key is a 404, where S3 says 403.
        gateway = ["--port", f"127.0.0.1:{port}", "--region", REGION, "--iam-dir", str(users)]
        return [str(binary), *gateway, *backend]

    def ready(port: int) -> bool:
        return _answers(_client(_endpoint(port), access_key, secret_key))

    with serving(command, ready=ready, log=log, env=environment) as port:
        yield S3Server(_endpoint(port), access_key, secret_key, log)


def _endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _client(endpoint: str, access_key: str, secret_key: str) -> Any:
    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 0},
            proxies={},
        ),
    )


def _answers(client: Any) -> bool:
    try:
        client.list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True
