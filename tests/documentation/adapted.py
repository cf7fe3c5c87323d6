"""HOST:PORT KIND/NAME...: filters manifests of the demo into what a cluster here can run.

Nothing comes from a registry: our images are those of this checkout, and the Service s3 leads to a
server at HOST:PORT. The named objects are left out.
"""

import re
import sys
from typing import Any

import yaml

Object = dict[str, Any]
IMAGE = re.compile(r"ghcr\.io/retrain-dev/(retrain-\w+):[\w.]+")


def main() -> None:
    host, _, port = sys.argv[1].partition(":")
    text = IMAGE.sub(r"localhost/\1:test", sys.stdin.read())
    kept: list[Object] = []
    for item in filter(None, yaml.safe_load_all(text)):
        name = f"{item['kind']}/{item['metadata']['name']}"
        if name in ("Deployment/s3", *sys.argv[2:]):
            continue
        if name == "Service/s3":
            del item["spec"]["selector"]
            kept.append(endpoints(item, host, int(port)))
        kept.append(item)
    yaml.safe_dump_all(kept, sys.stdout)


def endpoints(service: Object, host: str, port: int) -> Object:
    """What stands behind a Service without a selector."""
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-outside",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host]}],
        "ports": [{"port": port}],
    }


if __name__ == "__main__":
    main()
