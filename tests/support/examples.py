"""How often a property is tried: a sample in `make test`, more in `make test-all`."""

import os


def examples(sample: int) -> int:
    """``sample``, times what RETRAIN_EXAMPLES says."""
    return sample * int(os.environ.get("RETRAIN_EXAMPLES", "1"))
