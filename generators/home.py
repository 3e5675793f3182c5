"""Where the project is, and where it writes."""

import os
from dataclasses import dataclass
from pathlib import Path

from synthcare.project import PROJECT


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
