"""Where the project is: dbt_project.yml, and the contracts of its datasets."""

import sys
from pathlib import Path

from synthcare.errors import SynthcareError

_CHECKOUT = Path(__file__).resolve().parent.parent

# An installed package has the contracts with it; all else of the project is in a checkout only.
IS_CHECKOUT = (_CHECKOUT / "dbt_project.yml").is_file()
PROJECT = _CHECKOUT if IS_CHECKOUT else Path(sys.prefix) / "share" / "synthcare"


def need_checkout() -> None:
    """Raise SynthcareError where the package was installed without the project around it."""
    if not IS_CHECKOUT:
        raise SynthcareError(
            "This command works in a checkout of the project, where dbt finds its models. What is "
            "installed here scores tables: synthcare score --help."
        )
