"""KIND/NAME...: filters manifests of the demo into what a cluster without a way out can run.

Nothing comes from a registry: the S3 server's image is one of ours. The named objects are left out.
"""

import re
import sys

import yaml

IMAGES = {
    r"ghcr\.io/versity/(versitygw):\S+": r"localhost/\1:test",
}


def main() -> None:
    text = sys.stdin.read()
    for image, loaded in IMAGES.items():
        text = re.sub(image, loaded, text)
    items = [item for item in yaml.safe_load_all(text) if item]
    left_out = sys.argv[1:]
    kept = [i for i in items if f"{i['kind']}/{i['metadata']['name']}" not in left_out]
    yaml.safe_dump_all(kept, sys.stdout)


if __name__ == "__main__":
    main()
