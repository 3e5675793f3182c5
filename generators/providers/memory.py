"""The memory that a process may still take."""

import os
from pathlib import Path


def free_bytes() -> int:
    """Memory that this process may still take, a limit of its container included."""
    fields = (
        dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        if Path("/proc/meminfo").exists()
        else {}
    )
    if "MemAvailable" not in fields:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    free = int(fields["MemAvailable"].split()[0]) * 1024
    return min([free, *_room_in_groups()])


# Of a control group, in its second and its first version: the limit, what is used, and what of
# that is only cached.
_GROUPS = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def _room_in_groups(root: Path = Path("/sys/fs/cgroup"), own: Path | None = None) -> list[int]:
    """What each control group around this process leaves it; none where it is in none."""
    own = own or Path("/proc/self/cgroup")
    found = []
    for line in own.read_text().splitlines() if own.exists() else []:
        _, kind, name = line.split(":", 2)
        if kind not in _GROUPS:
            continue
        top, (limit, used, cached) = root / kind, _GROUPS[kind]
        # In a container the name may be that of the host; then only the top is there.
        inner = Path(name.lstrip("/"))
        for folder in {top, *(top / inner, *(top / parent for parent in inner.parents))}:
            most, taken = _number(folder / limit), _number(folder / used)
            if most is not None and taken is not None:
                found.append(most - taken + _cached(folder / "memory.stat", cached))
    return found


def _cached(path: Path, name: str) -> int:
    counts = dict(line.split() for line in path.read_text().splitlines()) if path.exists() else {}
    return int(counts.get(name, 0))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file, or `max`
        return None
