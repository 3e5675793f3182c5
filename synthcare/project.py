"""Where the project is: dbt_project.yml, and the contracts of its datasets."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from synthcare.errors import SynthcareError

_CHECKOUT = Path(__file__).resolve().parent.parent


def _installed() -> Path:
    """Where the package's own list of files says that dbt_project.yml is."""
    try:
        found = [file for file in files("synthcare") or () if file.name == "dbt_project.yml"]
    except PackageNotFoundError:
        found = []
    return Path(found[0].locate()).resolve().parent if found else _CHECKOUT


# An installed package has the contracts with it; all else of the project is in a checkout only.
IS_CHECKOUT = (_CHECKOUT / "dbt_project.yml").is_file()
PROJECT = _CHECKOUT if IS_CHECKOUT else _installed()


def need_checkout() -> None:
    """Raise SynthcareError where the package was installed without the project around it."""
    if not IS_CHECKOUT:
        raise SynthcareError(
            "This command works in a checkout of the project, where dbt finds its models. What is "
            "installed here scores tables: synthcare score --help."
        )
