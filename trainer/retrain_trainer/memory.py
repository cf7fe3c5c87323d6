"""What the kernel says of processes that it killed for want of memory."""

import re
from pathlib import Path

_COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def kills(root: Path = Path("/")) -> int:
    """How many it has killed so far: in our cgroup, or, if that does not tell, on the machine."""
    for file in (*_counters(root), root / "proc/vmstat"):
        try:
            match = _COUNT.search(file.read_text())
        except OSError:
            continue
        if match:
            return int(match[1])
    return 0


def _counters(root: Path) -> list[Path]:
    """Our cgroup's, by its path or, as a container has it, at the root of what is mounted."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    mounted = root / "sys/fs/cgroup"
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            places = (mounted / path.strip("/"), mounted)
            found += [place / "memory.events" for place in places]
        elif "memory" in controllers.split(","):
            places = (mounted / "memory" / path.strip("/"), mounted / "memory")
            found += [place / "memory.oom_control" for place in places]
    return found
