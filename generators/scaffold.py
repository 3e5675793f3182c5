"""Writes the files of new datasets: the contract of each, and the thin models that it needs.

They are those of a dataset that is there already, under another name.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import yaml

from generators.variety.brief import KEY
from synthcare.contracts.contract import datasets, load_contract
from synthcare.contracts.infer import Inferred
from synthcare.contracts.relations import foreign_keys
from synthcare.errors import SynthcareError, some
from synthcare.files import new_file, read_yaml
from synthcare.project import PROJECT

_NAME = r"[a-z][a-z0-9_]{0,40}"
_STAND_IN_ROWS = 1_000

_OF_CHILDREN = [
    {
        "name": "parent_record_id",
        "description": "The record that its request named as what it belongs to; null without one.",
    },
]

Tables = Mapping[str, tuple[Path, Inferred]]


def scaffold(tables: Tables, project: Path = PROJECT) -> list[Path]:
    """Write the files of datasets, the contract of each first, and declare them; return the paths.

    `tables` has, by the name of the dataset, the file that was brought and what was inferred from
    it; what others belong to comes first. Raises SynthcareError where a name will not do or is
    taken, or where a contract cannot be read; nothing is left behind then.
    """
    known = datasets(project)
    texts: dict[Path, str] = {}
    for name, (file, inferred) in tables.items():
        _check_name(name, known)
        _check_labels(name, inferred)
        contract = project / "models" / "marts" / f"{name}.yml"
        models = _models(name, known, tables, project)
        if taken := {contract, *models} & texts.keys():
            raise SynthcareError(
                f"Two of the datasets {some(tables)} would have the same file "
                f"{min(taken).name}. Call one of the files otherwise."
            )
        texts |= {contract: _contract(name, known[0], file, inferred, project), **models}
    texts[project / "dbt_project.yml"] = _declared(project / "dbt_project.yml", [*known, *tables])
    before = {path: path.read_text() for path in texts if path.exists()}
    try:
        for path, text in texts.items():
            with new_file(path) as temporary:
                temporary.write_text(text)
        for name in tables:
            load_contract(name, project)
    except BaseException:
        # The names must not stay taken by half of a dataset.
        for path in texts:
            if path in before:
                path.write_text(before[path])
            else:
                path.unlink(missing_ok=True)
        raise
    return list(texts)


def _check_name(name: str, known: Collection[str]) -> None:
    if not re.fullmatch(_NAME, name):
        raise SynthcareError(f"'{name}' is no name for a dataset: use up to 41 of a-z, 0-9 and _.")
    if name in known:
        raise SynthcareError(f"There is a dataset {name} already. Use another --name.")


def _check_labels(name: str, inferred: Inferred) -> None:
    labels = [_meta(column).get("label", "") for column in inferred.columns]
    if inferred.children and KEY.lower() in map(str.lower, labels):
        raise SynthcareError(
            f"A column of {name} is called {KEY}, as the keys of what its rows belong to are where "
            "they are asked for. Give it another name in the file."
        )


def _models(name: str, known: Sequence[str], tables: Tables, project: Path) -> dict[Path, str]:
    """The thin models: the example's, which belongs to nothing, and what they read of parents."""
    example, *others = known
    above = {
        f"stg_reference_{example}": _parents(name, tables),
        f"int_{example}_cast": _parents(name, tables),
    }
    texts = {}
    for path in sorted((project / "models").rglob("*.sql")):
        is_of_another = any(example in other and other in path.stem for other in others)
        if is_of_another or not re.search(rf"(^|_){example}(_|$)", path.stem):
            continue
        named = path.with_name(path.name.replace(example, name))
        if named.exists():
            raise SynthcareError(f"{named} is there already. Use another --name.")
        # dbt does not see what a macro refers to before it runs.
        depends_on = [
            f"-- depends_on: {{{{ ref('{path.stem.replace(example, other)}') }}}}\n"
            for other in above.get(path.stem, ())
        ]
        texts[named] = "".join(depends_on) + path.read_text().replace(example, name)
    return texts


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
        **({"children": inferred.children} if inferred.children else {}),
        "reference": _reference(name, file, inferred),
    }
    if inferred.constraints:
        place = [*mart].index("config") + 1
        items = [*mart.items()]
        items.insert(place, ("constraints", inferred.constraints))
        properties["models"][0] = dict(items)
    if inferred.children:
        cast = next(x for x in properties["models"] if x["name"] == f"int_{name}_cast")
        cast["columns"] += _OF_CHILDREN
    head = (
        f"# The contract of the dataset `{name}`, proposed from {file.name}: docs/contract.md\n"
        "# explains every key. Change a value here and nothing else needs an edit.\n"
    )
    return head + yaml.safe_dump(properties, sort_keys=False, allow_unicode=True, width=100)


def _parents(name: str, tables: Tables) -> list[str]:
    """The datasets that the rows belong to."""
    _, inferred = tables[name]
    return [key.to for key in foreign_keys({"name": name, "constraints": inferred.constraints})]


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
