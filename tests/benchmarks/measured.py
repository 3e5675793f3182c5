"""dbt in a process of its own, so that its peak of memory is its own.

`python -m tests.benchmarks.measured` is the other process.
"""

import json
import os
import resource
import subprocess
import sys

from generators.home import PROJECT, Home

MODELS_ONLY = ("--exclude-resource-type", "test", "unit_test")


def build(home: Home, *arguments: str) -> tuple[dict[str, float], float]:
    """Run `dbt build` without tests; seconds by node, as dbt says, and the peak of memory in GB."""
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
    told = json.loads(process.stdout.splitlines()[-1])
    return told["seconds"], told["gigabytes"]


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
    seconds = {r.node.name: r.execution_time for r in outcome.result.results}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"seconds": seconds, "gigabytes": peak}))


if __name__ == "__main__":
    main()
