"""Where the project is, and where it writes."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from generators.errors import SynthcareError

_CHECKOUT = Path(__file__).resolve().parent.parent

# Where dbt_project.yml and the contracts are; all else of the project is in a checkout only.
IS_CHECKOUT = (_CHECKOUT / "dbt_project.yml").is_file()
PROJECT = _CHECKOUT if IS_CHECKOUT else Path(sys.prefix) / "share" / "synthcare"


def need_checkout() -> None:
    """Raise SynthcareError where the package was installed without the project around it."""
    if not IS_CHECKOUT:
        raise SynthcareError(
            "This command works in a checkout of the project, where dbt finds its models. What is "
            "installed here scores tables: synthcare score --help."
        )


@dataclass(frozen=True)
class Home:
    """The folder that holds landing, warehouse and reports: `SYNTHCARE_HOME`, or the project."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        """Read `SYNTHCARE_HOME` and create the folder if it is not there."""
        root = Path(os.environ.get("SYNTHCARE_HOME") or PROJECT).expanduser().resolve()
        root.mkdir(parents=True, exist_ok=True)
        return cls(root)

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def html(self) -> Path:
        return self.root / "reports" / "html"
