"""The test servers behave as the real ones they stand for."""

import math
import os
import random
import select
import subprocess
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped, unused-ignore]
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from servers.auth_proxy import auth_proxy
from servers.binaries import MissingRequirement
from servers.fixtures import requirements
from servers.git_https import GitHttpsServer, git_https_server
from servers.git_repos import BareRepository, Want, git_environment
from servers.git_ssh import GitSshServer, make_key
from servers.mlflow_server import MlflowServer
from servers.mlflow_server import mlflow_server as serve_mlflow
from servers.process import ServerFailed, free_port, serving
from servers.prometheus import PrometheusServer, QueryFailed
from servers.s3 import S3Server

FILES = {"params.yaml": "train:\n  C: 1.0\n", "src/train.py": "print('trained')\n"}


@pytest.fixture
def repository(git_root: Path, request: pytest.FixtureRequest) -> BareRepository:
    return BareRepository.create(git_root / f"{_name(request)}.git", FILES)


def _name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).removeprefix("test_")


def git(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],
        env={**git_environment(), "GIT_TERMINAL_PROMPT": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def https(server: GitHttpsServer, password: str | None = None) -> dict[str, str]:
    """Credentials by a helper, as the trainer gives them: in no URL and no command line."""
    helper = "!f() { echo username=$GIT_USER; echo password=$GIT_PASSWORD; }; f"
    return {
        "GIT_SSL_CAINFO": str(server.ca_file),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": helper,
        "GIT_USER": server.user or "",
        "GIT_PASSWORD": password or server.password or "",
    }


def ssh(server: GitSshServer, folder: Path, key: Path | None = None) -> dict[str, str]:
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(server.known_hosts)
    options = ["IdentitiesOnly=yes", "BatchMode=yes", f"UserKnownHostsFile={known_hosts}"]
    flags = " ".join(f"-o {option}" for option in options)
    return {"GIT_SSH_COMMAND": f"ssh -F none -i {key or server.private_key} {flags}"}


def test_https_clone_with_credentials_brings_the_commit(
    git_https: GitHttpsServer, repository: BareRepository, tmp_path: Path
) -> None:
    url = git_https.url(repository.path.stem)
    done = git("clone", url, str(tmp_path / "clone"), **https(git_https))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clone/params.yaml").read_text() == FILES["params.yaml"]
    head = git("-C", str(tmp_path / "clone"), "rev-parse", "HEAD")
    assert head.stdout.strip() == repository.sha()


def test_https_refuses_a_wrong_password(
    git_https: GitHttpsServer, repository: BareRepository
) -> None:
    url = git_https.url(repository.path.stem)
    done = git("ls-remote", url, **https(git_https, password="wrong"))
    assert done.returncode == 128
    assert "Authentication failed" in done.stderr


def test_https_without_its_authority_is_not_trusted(
    git_https: GitHttpsServer, repository: BareRepository
) -> None:
    environment = {**https(git_https), "GIT_SSL_CAINFO": "/etc/ssl/certs/ca-certificates.crt"}
    done = git("ls-remote", git_https.url(repository.path.stem), **environment)
    assert done.returncode == 128
    assert "certificate" in done.stderr


def test_https_says_that_a_repository_is_not_found(git_https: GitHttpsServer) -> None:
    done = git("ls-remote", git_https.url("absent"), **https(git_https))
    assert done.returncode == 128
    assert "not found" in done.stderr


def test_https_without_auth_asks_for_nothing(tmp_path: Path) -> None:
    with requirements(), git_https_server(tmp_path, user=None) as server:
        repository = BareRepository.create(server.root / "open.git", FILES)
        done = git("ls-remote", server.url("open"), GIT_SSL_CAINFO=str(server.ca_file))
        assert f"{repository.sha()}\trefs/heads/main" in done.stdout, done.stderr


def test_https_takes_large_pushes_in_chunks_and_gives_them_back(
    git_https: GitHttpsServer, repository: BareRepository, tmp_path: Path
) -> None:
    url, environment = git_https.url(repository.path.stem), https(git_https)
    content = random.Random(1).randbytes(5_000_000)
    clone = str(tmp_path / "clone")
    git("clone", url, clone, **environment)
    Path(clone, "large.bin").write_bytes(content)
    git("-C", clone, "add", "large.bin")
    git("-C", clone, "commit", "-m", "Add a large file")
    pushed = git("-C", clone, "push", "origin", "main", **environment)
    assert pushed.returncode == 0, pushed.stderr
    cloned = git("clone", url, str(tmp_path / "again"), **environment)
    assert cloned.returncode == 0, cloned.stderr
    assert (tmp_path / "again/large.bin").read_bytes() == content


def test_https_reads_gzipped_requests(
    git_https: GitHttpsServer, repository: BareRepository, tmp_path: Path
) -> None:
    url, environment = git_https.url(repository.path.stem), https(git_https)
    git("clone", url, str(tmp_path / "clone"), **environment)
    for number in range(60):
        repository.branch(f"b{number}", repository.commit({"n": str(number)}))
    traced = git(
        *("-C", str(tmp_path / "clone"), "fetch", "origin"), **environment, GIT_CURL_VERBOSE="1"
    )
    assert traced.returncode == 0, traced.stderr
    assert "Content-Encoding: gzip" in traced.stderr
    branches = git("-C", str(tmp_path / "clone"), "branch", "-r").stdout
    assert branches.count("origin/b") == 60


def test_ssh_clone_with_the_key_brings_the_commit(
    git_ssh: GitSshServer, repository: BareRepository, tmp_path: Path
) -> None:
    url = git_ssh.url(repository.path.stem)
    done = git("clone", url, str(tmp_path / "clone"), **ssh(git_ssh, tmp_path))
    assert done.returncode == 0, done.stderr
    head = git("-C", str(tmp_path / "clone"), "rev-parse", "HEAD")
    assert head.stdout.strip() == repository.sha()


def test_ssh_refuses_another_key_again_and_again_and_the_right_one_still_works(
    git_ssh: GitSshServer, repository: BareRepository, tmp_path: Path
) -> None:
    url, stranger = git_ssh.url(repository.path.stem), make_key(tmp_path / "stranger")
    for _ in range(5):
        done = git("ls-remote", url, **ssh(git_ssh, tmp_path, stranger))
        assert done.returncode == 128
        assert "Permission denied (publickey)" in done.stderr
    assert repository.sha() in git("ls-remote", url, **ssh(git_ssh, tmp_path)).stdout


def test_ssh_with_another_host_key_is_not_trusted(
    git_ssh: GitSshServer, repository: BareRepository, tmp_path: Path
) -> None:
    environment = ssh(git_ssh, tmp_path)
    (tmp_path / "known_hosts").write_text("")
    done = git("ls-remote", git_ssh.url(repository.path.stem), **environment)
    assert done.returncode == 128
    assert "Host key verification failed" in done.stderr


@pytest.mark.parametrize(
    ("allowed", "ancestor_given", "orphan_given"),
    [("none", False, False), ("reachable", True, False), ("any", True, True)],
)
def test_an_unadvertised_commit_is_given_as_the_repository_allows(
    allowed: Want, ancestor_given: bool, orphan_given: bool, tmp_path: Path
) -> None:
    with requirements(), git_https_server(tmp_path, protocol_v2=False) as server:
        repository = BareRepository.create(server.root / "r.git", FILES)
        ancestor, orphan = _ancestor_and_orphan(repository)
        repository.allow_sha_in_want(allowed)
        url, environment = server.url("r"), https(server)
        assert _fetches(url, ancestor, tmp_path / "a", environment) is ancestor_given
        assert _fetches(url, orphan, tmp_path / "o", environment) is orphan_given


def test_protocol_2_gives_any_commit_whatever_the_repository_allows(
    git_https: GitHttpsServer,
    git_ssh: GitSshServer,
    repository: BareRepository,
    tmp_path: Path,
) -> None:
    _, orphan = _ancestor_and_orphan(repository)
    repository.allow_sha_in_want("none")
    name = repository.path.stem
    assert _fetches(git_https.url(name), orphan, tmp_path / "https", https(git_https))
    assert _fetches(git_ssh.url(name), orphan, tmp_path / "ssh", ssh(git_ssh, tmp_path))


def _ancestor_and_orphan(repository: BareRepository) -> tuple[str, str]:
    ancestor = repository.sha()
    repository.commit({"params.yaml": "train:\n  C: 2.0\n"})
    orphan = repository.commit({"params.yaml": "train:\n  C: 3.0\n"})
    repository.branch("main", f"{orphan}~1")
    return ancestor, orphan


def _fetches(url: str, sha: str, clone: Path, environment: dict[str, str]) -> bool:
    git("init", "--quiet", str(clone))
    fetched = git("-C", str(clone), "fetch", "--depth=1", url, sha, **environment)
    return fetched.returncode == 0


def test_repositories_made_alike_have_the_same_commits(tmp_path: Path) -> None:
    first = BareRepository.create(tmp_path / "first.git", FILES)
    second = BareRepository.create(tmp_path / "second.git", FILES)
    changed = first.commit({"src/train.py": None, "new.txt": "new"})
    assert changed == second.commit({"src/train.py": None, "new.txt": "new"})
    assert first.tag("v1.0", message="First") == changed
    assert git("-C", str(first.path), "ls-tree", "-r", "--name-only", "main").stdout.split() == [
        "new.txt",
        "params.yaml",
    ]


def test_a_folder_becomes_a_commit_without_what_it_ignores(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / ".gitignore").write_text("*.pyc\n")
    (tree / "src/a.py").write_text("a = 1\n")
    (tree / "src/a.pyc").write_text("compiled")
    repository = BareRepository.create(tmp_path / "r.git", tree)
    (tree / "src/a.py").rename(tree / "src/b.py")
    head = repository.commit_tree(tree)
    files = git("-C", str(repository.path), "ls-tree", "-r", "--name-only", head).stdout.split()
    assert files == [".gitignore", "src/b.py"]
    assert not (tree / ".git").exists()


def test_s3_lists_what_was_put(s3: S3Server) -> None:
    s3.create_bucket("listed")
    s3.put("listed", "files/md5/ab/cdef", b"content")
    s3.put("listed", "top", b"")
    assert s3.objects("listed") == ["files/md5/ab/cdef", "top"]
    assert s3.get("listed", "files/md5/ab/cdef") == b"content"


def test_s3_takes_objects_in_parts(s3: S3Server) -> None:
    s3.create_bucket("parts")
    client, part = s3.client(), random.Random(2).randbytes(5 * 1024 * 1024)
    target = {"Bucket": "parts", "Key": "model.bin"}
    upload = client.create_multipart_upload(**target)["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(**target, UploadId=upload, PartNumber=number, Body=part)[
                "ETag"
            ],
        }
        for number in (1, 2)
    ]
    client.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get("parts", "model.bin") == part * 2


def test_s3_refuses_a_wrong_secret_and_an_unknown_key(s3: S3Server) -> None:
    for client in (s3.client(secret_key="wrong"), s3.client(access_key="unknown")):
        with pytest.raises(ClientError) as refused:
            client.list_buckets()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_s3_does_not_find_an_absent_bucket(s3: S3Server) -> None:
    with pytest.raises(ClientError) as absent:
        s3.client().list_objects_v2(Bucket="absent")
    assert absent.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert absent.value.response["Error"]["Code"] == "NoSuchBucket"


def test_mlflow_records_a_run_with_an_artifact(mlflow_server: MlflowServer) -> None:
    client = MlflowClient(mlflow_server.uri)
    run = client.create_run("0", run_name="recorded")
    client.log_text(run.info.run_id, "some text", "notes/a.txt")
    client.set_terminated(run.info.run_id)
    assert client.get_run(run.info.run_id).info.status == "FINISHED"
    assert [f.path for f in client.list_artifacts(run.info.run_id, "notes")] == ["notes/a.txt"]


def test_mlflow_with_other_allowed_hosts_refuses_all_but_its_health(tmp_path: Path) -> None:
    with (
        serve_mlflow(tmp_path, allowed_hosts=["mlflow.example"]) as server,
        pytest.raises(MlflowException, match="Invalid Host header"),
    ):
        MlflowClient(server.uri).create_run("0")


def test_the_proxy_forwards_those_with_credentials_and_counts_all(
    mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with auth_proxy(tmp_path, upstream=mlflow_server.uri, user="u", password="p") as proxy:
        client = MlflowClient(proxy.uri)
        with pytest.raises(MlflowException, match="401"):
            client.create_run("0")
        assert proxy.requests == ["POST /api/2.0/mlflow/runs/create"]
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "u")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "p")
        run = client.create_run("0")
        content = random.Random(3).randbytes(3_000_000)
        (tmp_path / "model.bin").write_bytes(content)
        client.log_artifact(run.info.run_id, str(tmp_path / "model.bin"))
        (tmp_path / "got").mkdir()
        got = client.download_artifacts(run.info.run_id, "model.bin", str(tmp_path / "got"))
        assert Path(got).read_bytes() == content
        proxy.status = 403
        with pytest.raises(MlflowException, match="403"):
            client.get_run(run.info.run_id)
        assert len(proxy.requests) >= 5


@pytest.mark.parametrize("status", [401, 403])
def test_the_proxy_alone_answers_its_status(status: int, tmp_path: Path) -> None:
    with auth_proxy(tmp_path, status=status) as proxy:
        request = urllib.request.Request(f"{proxy.uri}/api", data=b"body", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == status
        assert proxy.requests == ["POST /api"]


def test_the_proxy_says_that_nothing_answers_behind_it(tmp_path: Path) -> None:
    with auth_proxy(tmp_path, upstream=f"http://127.0.0.1:{free_port()}") as proxy:
        with pytest.raises(urllib.error.HTTPError) as failed:
            urllib.request.urlopen(proxy.uri, timeout=10)
        assert failed.value.code == 502


def test_prometheus_answers_what_was_set_last(prometheus: PrometheusServer) -> None:
    prometheus.set("accuracy", 0.93, model="iris")
    prometheus.set("accuracy", 0.5, model='a "quoted" \\ name\nin two lines')
    prometheus.until('accuracy{model="iris"}', 0.93)
    prometheus.until("min(accuracy)", 0.5)
    assert sorted(prometheus.values("accuracy")) == [0.5, 0.93]
    prometheus.set("accuracy", -math.inf, model="iris")
    prometheus.until("scalar(min(accuracy))", -math.inf)
    prometheus.set("accuracy", math.nan, model="iris")
    prometheus.until('accuracy{model="iris"}', math.nan)


def test_prometheus_forgets_what_was_cleared(prometheus: PrometheusServer) -> None:
    prometheus.set("cleared", 1)
    prometheus.until("cleared", 1)
    prometheus.clear()
    prometheus.until("cleared", None)


def test_prometheus_says_what_is_wrong_with_a_query(prometheus: PrometheusServer) -> None:
    with pytest.raises(QueryFailed, match=r"400 .*parse error"):
        prometheus.until("sum(", 1)


def test_prometheus_that_never_has_the_value_is_an_error(prometheus: PrometheusServer) -> None:
    with pytest.raises(AssertionError, match=r"vector\(1\) is \[1.0\], not \[2\]"):
        prometheus.until("vector(1)", 2, seconds=0.2)


def test_protected_prometheus_wants_its_user(protected_prometheus: PrometheusServer) -> None:
    protected_prometheus.set("accuracy", 0.93)
    protected_prometheus.until("accuracy", 0.93)
    for stranger in (
        replace(protected_prometheus, password="wrong"),
        replace(protected_prometheus, user=None),
    ):
        with pytest.raises(QueryFailed, match="401 Unauthorized"):
            stranger.values("accuracy")


def test_prometheus_behind_the_proxy_wants_the_token(
    prometheus: PrometheusServer, tmp_path: Path
) -> None:
    with auth_proxy(tmp_path, upstream=prometheus.url, token="t") as proxy:
        request = urllib.request.Request(f"{proxy.uri}/api/v1/query?query=1")
        for refused in ("Bearer wrong", "Basic dDp0", ""):
            request.add_header("Authorization", refused)
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request, timeout=10)
            assert error.value.code == 401
            assert error.value.headers["WWW-Authenticate"] == "Bearer"
        request.add_header("Authorization", "Bearer t")
        with urllib.request.urlopen(request, timeout=10) as response:
            assert b'"resultType":"scalar"' in response.read()


def test_a_server_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo bad option; exit 3"]
    with (
        pytest.raises(ServerFailed, match="bad option"),
        serving(lambda _: command, ready=lambda _: False, log=tmp_path / "log"),
    ):
        pass


def test_a_server_takes_its_children_along_when_it_ends(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    # The child ignores the polite signal.
    child = f"trap '' TERM; echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 600"
    command = ["sh", "-c", 'sh -c "$0" & wait', child]
    with serving(lambda _: command, ready=lambda _: pid_file.exists(), log=tmp_path / "log"):
        handle = os.pidfd_open(int(pid_file.read_text()))
    with os.fdopen(handle):
        ended, _, _ = select.select([handle], [], [], 5)
    assert ended


@pytest.mark.parametrize("require_all", [False, True])
def test_a_missing_requirement_skips_or_with_require_all_fails(
    require_all: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRAIN_REQUIRE_ALL", "1" if require_all else "0")
    outcome = pytest.fail.Exception if require_all else pytest.skip.Exception
    with (
        pytest.raises(outcome, match="missing requirement sshd: not installed"),
        requirements(),
    ):
        raise MissingRequirement("sshd", "not installed")
