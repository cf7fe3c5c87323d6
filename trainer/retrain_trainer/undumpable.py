"""Keeps our own variables from what we start: on Linux a user's processes read each other's."""

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def undumpable() -> None:
    """Let no other process of this user read this one's environment and memory, from now on.

    What it starts is dumpable as ever.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
