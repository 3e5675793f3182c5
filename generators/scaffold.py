"""Writes the files of a new dataset: its contract, and the thin models that it needs.

They are those of a dataset that is there already, under another name.
"""

import re
from pathlib import Path

import yaml

from synthcare.contracts.contract import datasets, load_contract
from synthcare.contracts.infer import Inferred
from synthcare.errors import SynthcareError
from synthcare.files import new_file, read_yaml
from synthcare.project import PROJECT

_NAME = r"[a-z][a-z0-9_]{0,40}"
_STAND_IN_ROWS = 1_000


def scaffold(name: str, file: Path, inferred: Inferred, project: Path = PROJECT) -> list[Path]:
    """Write the files of the dataset `name`, its contract first, and declare it; return the paths.

    Raises SynthcareError where the name will not do or is taken, or where the contract cannot be
    read; nothing is left behind then.
    """
    known = datasets(project)
    if not re.fullmatch(_NAME, name):
        raise SynthcareError(f"'{name}' is no name for a dataset: use a-z, 0-9 and _.")
    if name in known:
        raise SynthcareError(f"There is a dataset {name} already. Use another --name.")
    example = known[0]
    models = {
        path.with_name(path.name.replace(example, name)): path.read_text().replace(example, name)
        for path in sorted((project / "models").rglob("*.sql"))
        if re.search(rf"(^|_){example}(_|$)", path.stem)
    }
    taken = [path for path in models if path.exists()]
    if taken:
        raise SynthcareError(f"{taken[0]} is there already. Use another --name.")
    contract = project / "models" / "marts" / f"{name}.yml"
    texts = {contract: _contract(name, example, file, inferred, project)} | models
    texts[project / "dbt_project.yml"] = _declared(project / "dbt_project.yml", [*known, name])
    before = {path: path.read_text() for path in texts if path.exists()}
    try:
        for path, text in texts.items():
            with new_file(path) as temporary:
                temporary.write_text(text)
        load_contract(name, project)
    except BaseException:
        # The name must not stay taken by half a dataset.
        for path in texts:
            if path in before:
                path.write_text(before[path])
            else:
                path.unlink(missing_ok=True)
        raise
    return list(texts)


def _contract(name: str, example: str, file: Path, inferred: Inferred, project: Path) -> str:
    """The properties file: columns and rules as inferred, all else as in the example's."""
    properties = read_yaml(project / "models" / "marts" / f"{example}.yml")
    properties.pop("unit_tests", None)
    text = yaml.safe_dump(properties, sort_keys=False, allow_unicode=True, width=1_000)
    properties = yaml.safe_load(text.replace(example, name))
    mart = properties["models"][0]
    mart["description"] = f"One row per accepted record of {name}, each value typed and allowed."
    ours = [column for column in mart["columns"] if "kind" not in _meta(column)]
    mart["columns"] = ours + inferred.columns
    mart["config"]["meta"] = {
        "record": name.replace("_", " "),
        "rules": inferred.rules,
        "derived": inferred.derived,
        "quotas": inferred.quotas,
        "reference": _reference(name, file, inferred),
    }
    head = (
        f"# The contract of the dataset `{name}`, proposed from {file.name}: docs/contract.md\n"
        "# explains every key. Change a value here and nothing else needs an edit.\n"
    )
    return head + yaml.safe_dump(properties, sort_keys=False, allow_unicode=True, width=100)


def _reference(name: str, file: Path, inferred: Inferred) -> dict[str, str | int]:
    found = {"title": name, "file": file.name, "stand_in_rows": _STAND_IN_ROWS}
    return found | ({"group": inferred.group} if inferred.group else {})


def _meta(column: dict) -> dict:
    return column.get("config", {}).get("meta", {})


def _declared(path: Path, names: list[str]) -> str:
    """dbt_project.yml with these datasets, every other byte as it was."""
    changed, count = re.subn(
        r"^(  datasets:) \[.*\]$", rf"\1 [{', '.join(names)}]", path.read_text(), flags=re.M
    )
    if count != 1:
        raise SynthcareError(f"{path} must have one line `  datasets: [...]`, for {names[-1]}.")
    return changed
