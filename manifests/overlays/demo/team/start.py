"""Creates the TrainingRun beside this file once the API knows its kind and its servers answer."""

import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

SERVERS = ("http://git/iris.git/HEAD", "http://mlflow:5000/health", "http://s3:7070/")
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CREATED, ALREADY_THERE = 201, 409
NOT_YET = (0, 403, 404)  # the API server, the role, the kind


def ask(
    request: "str | urllib.request.Request", context: "ssl.SSLContext | None" = None
) -> "tuple[int, str]":
    """Status and text of the answer; 0 if there is none."""
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def wait_for(url: str) -> None:
    """Any answer will do: S3 refuses who comes without a key."""
    print(f"waiting for {url}", flush=True)
    while not ask(url)[0]:
        time.sleep(1)


def create() -> "tuple[int, str]":
    namespace = (ACCOUNT / "namespace").read_text()
    host = "https://kubernetes.default.svc"
    request = urllib.request.Request(
        f"{host}/apis/retrain.dev/v1alpha1/namespaces/{namespace}/trainingruns",
        Path(__file__).with_name("trainingrun.yaml").read_bytes(),
        {
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/yaml",
        },
    )
    return ask(request, ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")))


def main() -> None:
    for url in SERVERS:
        wait_for(url)
    while True:
        status, text = create()
        if status in (CREATED, ALREADY_THERE):
            break
        print(f"the API does not take the TrainingRun: {status} {text}", flush=True)
        if status not in NOT_YET:
            sys.exit(1)
        time.sleep(1)
    print("the TrainingRun iris is there")


if __name__ == "__main__":
    main()
