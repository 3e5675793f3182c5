"""dbt in a process of its own, so that its peak of memory is its own.

`python -m tests.benchmarks.measured` is the other process.
"""

import json
import os
import resource
import subprocess
import sys
from typing import NamedTuple

from generators.home import Home
from synthcare.project import PROJECT

MODELS_ONLY = ("--exclude-resource-type", "test", "unit_test")


class Built(NamedTuple):
    """Seconds by node and from the first start to the last end; the peak of memory in GB."""

    seconds: dict[str, float]
    wall_seconds: float
    gigabytes: float


def build(home: Home, *arguments: str) -> Built:
    """Run `dbt build` without tests."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.measured", *arguments],
        cwd=PROJECT,
        env=os.environ | {"SYNTHCARE_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        sys.exit(process.stdout + process.stderr)
    return Built(**json.loads(process.stdout.splitlines()[-1]))


def main() -> None:
    from dbt.cli.main import dbtRunner

    home = os.environ["SYNTHCARE_HOME"]
    outcome = dbtRunner().invoke(
        [
            *["build", "--quiet", *MODELS_ONLY, *sys.argv[1:]],
            *["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)],
            *["--target-path", f"{home}/target", "--log-path", f"{home}/logs"],
        ]
    )
    if not outcome.success:
        sys.exit(str(outcome.exception or [r.message for r in outcome.result.results]))
    results = outcome.result.results
    executed = [timing for r in results for timing in r.timing if timing.name == "execute"]
    wall = max(t.completed_at for t in executed) - min(t.started_at for t in executed)
    built = Built(
        {r.node.name: r.execution_time for r in results},
        wall.total_seconds(),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    )
    print(json.dumps(built._asdict()))


if __name__ == "__main__":
    main()
