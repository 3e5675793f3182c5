"""Finds the records in a tree of objects, arrays and scalars, whatever its orientation."""

import re
from collections.abc import Iterator
from dataclasses import replace

from readers.answers.found import Expected, Record, plain_name
from readers.answers.loose_json import Node
from readers.answers.reasoning import is_example, is_thought

# Keys under which a value stands beside its unit.
_VALUE_KEYS = {"value", "val", "text", "#text", "_value", "amount", "$"}
_UNIT = re.compile(r"unit|currency|multiplier|scale", re.I)
_FEWEST_LABELS = 2
# Under which a call of a function has what it is called with.
_ARGUMENTS = {"arguments", "args", "parameters"}


def records_in(node: Node, expected: Expected, text: str) -> Iterator[Record]:
    """The records in a tree that was read from `text`, in their order."""
    if node.pairs:
        yield from _in_object(node, expected, text)
    elif node.items:
        yield from _in_array(node.items, expected, text)


def rows_in(arrays: list[Node], expected: Expected) -> Iterator[Record]:
    """Records of arrays of values, whose first may name the columns."""
    rows = [(array, [_scalar(item) for item in array.items or []]) for array in arrays]
    headers = [
        place
        for place, (_, row) in enumerate(rows)
        if expected.is_header([v or "" for v, _ in row])
    ]
    names: tuple[str, ...] | None = None
    for place, (array, row) in enumerate(rows):
        if place in headers or (headers and names is None):
            # One that stands behind its rows, as an argument, names their columns, too.
            header = rows[place if place in headers else headers[0]][1]
            names = tuple(value or "" for value, _ in header)
        if place not in headers and (names or len(row) == expected.width):
            doubts = [doubt for _, doubt in row if doubt]
            yield Record(
                array.start,
                array.end,
                tuple(value for value, _ in row),
                names,
                is_cut_off=array.is_open,
                doubt=doubts[0] if doubts else None,
            )


def _in_array(items: list[Node], expected: Expected, text: str) -> Iterator[Record]:
    if all(item.items is not None and not item.pairs for item in items) and all(
        inner.is_scalar for item in items for inner in item.items or []
    ):
        yield from rows_in(items, expected)
        return
    if expected.width == 1 and all(item.is_scalar for item in items):
        for item in items:
            yield Record(
                item.start, item.end, (item.text,), is_cut_off=item.is_open, doubt=item.doubt
            )
        return
    for item in items:
        yield from records_in(item, expected, text)


def _in_object(node: Node, expected: Expected, text: str) -> Iterator[Record]:
    turned = _columns(node, expected) or _split(node, expected)
    if turned:
        yield from turned
        return
    own = [name for name, value in node.pairs if expected.label(name) and not _is_schema(value)]
    if _is_call(node):
        own = [name for name in own if plain_name(name) != "name"]
    said = [
        (name, record)
        for name, value in node.pairs
        if not value.is_scalar and not (own and expected.label(name)) and not is_thought(name)
        for record in records_in(value, expected, text)
    ]
    # Examples are the answer where there is nothing else.
    inner = [record for name, record in said if not is_example(name)] or [r for _, r in said]
    names = [name for record in inner for name in record.names or ()]
    is_most = len(inner) <= 1 or expected.count(names) < len(own)
    if own and _is_around(own, inner, expected):
        yield from inner
    elif (own and is_most) or _are_groups(inner, expected):
        yield _record(node, expected, text)
    else:
        yield from _with_key(node, inner)


def _is_call(node: Node) -> bool:
    """Whether an object calls a function, whose name is no value of a record."""
    keys = {plain_name(name) for name, value in node.pairs or [] if not value.is_scalar}
    return not keys.isdisjoint(_ARGUMENTS)


def _is_around(own: list[str], inner: list[Record], expected: Expected) -> bool:
    """Whether what an object says of itself is said again by the one record in it, and more."""
    if len(inner) != 1 or inner[0].names is None:
        return False
    labels = {expected.label(name) for name in inner[0].names}
    return {expected.label(name) for name in own} < labels and expected.is_header(inner[0].names)


def _with_key(node: Node, records: list[Record]) -> list[Record]:
    """Records that belong to an object with a key, which each of them has then, too."""
    keys = [part.text for name, part in node.pairs if plain_name(name) == "key" and part.is_scalar]
    if len(keys) != 1:
        return records
    return [
        replace(record, names=(*record.names, "Key"), values=(*record.values, keys[0]))
        if record.names and "key" not in map(plain_name, record.names)
        else record
        for record in records
    ]


def _are_groups(records: list[Record], expected: Expected) -> bool:
    """Whether what stands within an object are parts of one record: no label is there twice."""
    if len(records) < _FEWEST_LABELS or any(record.names is None for record in records):
        return False
    labels = [expected.label(name) for record in records for name in record.names]
    known = [label for label in labels if label]
    return len(known) == len(set(known))


def _record(node: Node, expected: Expected, text: str) -> Record:
    """One record of an object and of the objects in it."""
    names: list[str] = []
    values: list[str | None] = []
    doubts: list[str] = []

    own = {expected.label(name) for name, value in node.pairs or [] if not _is_schema(value)}

    def collect(pairs: list[tuple[str, Node]], group_of: str = "") -> bool:
        """Take the values of these pairs; whether one of them is cut off."""
        is_open = False
        for name, value in pairs:
            label = expected.label(name)
            is_label = label is not None
            is_open |= value.is_open
            group = value.items[0] if value.items and len(value.items) == 1 else value
            if group.pairs and not is_label:
                is_open |= collect(group.pairs, name)
                continue
            if group_of and label in own:
                continue  # of somebody else: {"Name": "Ann", "contact": {"Name": "Bo"}}
            if group_of and is_label and 2 * len(own - {None}) >= expected.width:
                is_alone = sum(expected.label(other) is not None for other, _ in pairs) == 1
                if is_alone and not _share_a_word(group_of, name):
                    doubts.append("composite_value")
            found, doubt = _scalar(value, text)
            if value.is_scalar and value.is_open and value.start < len(text):
                found = text[value.start : value.end].strip()
            names.append(name)
            values.append(found)
            if doubt and is_label:
                doubts.append(doubt)
        return is_open

    is_open = collect(node.pairs) or node.is_open
    return Record(
        node.start,
        node.end,
        tuple(values),
        tuple(names),
        is_cut_off=is_open,
        doubt=doubts[0] if doubts else None,
    )


def _share_a_word(one: str, other: str) -> bool:
    words = (set(re.findall(r"[a-z]+", name.lower())) for name in (one, other))
    return not set.isdisjoint(*words)


def _scalar(value: Node, text: str = "") -> tuple[str | None, str | None]:
    """The text of a value, and the doubt whether it is one."""
    if value.is_scalar:
        return value.text, value.doubt
    for name, part in value.pairs or []:
        if name.lower() in _VALUE_KEYS and part.is_scalar:
            others = [other for key, other in value.pairs or [] if other is not part]
            if not others:
                return part.text, part.doubt
            is_one = len(others) < _FEWEST_LABELS and all(other.is_scalar for other in others)
            # With its unit, which the contract's is compared with.
            unit = next((key for key, other in value.pairs or [] if other is not part), "")
            is_unit = _UNIT.search(unit) is not None and bool(others[0].text)
            said = f"{part.text} {others[0].text}" if is_unit and part.text else part.text
            return said, part.doubt if is_one else "composite_value"
    return text[value.start : value.end], "composite_value"


def _is_schema(value: Node) -> bool:
    """Whether a value describes a column, or lists its values, and so is none."""
    if value.pairs is None:
        return False
    return not any(name.lower() in _VALUE_KEYS and part.is_scalar for name, part in value.pairs)


def _columns(node: Node, expected: Expected) -> list[Record]:
    """Records of an object that has a list, or an object by row number, for each column."""
    columns = {
        name: [*(part for _, part in value.pairs)] if value.pairs else value.items
        for name, value in node.pairs
        if expected.label(name) and (value.items is not None or _is_schema(value))
    }
    if any(expected.label(name) and name not in columns for name, _ in node.pairs):
        return []  # a record, some of whose values are lists
    lengths = {len(column or []) for column in columns.values()}
    by_row = {
        tuple(key for key, _ in value.pairs)
        for name, value in node.pairs
        if name in columns and value.pairs
    }
    if len(columns) < min(_FEWEST_LABELS, len(expected.labels)) or not any(lengths):
        return []
    if any(not part.is_scalar for column in columns.values() for part in column or []):
        return []
    if by_row and not all(key.lstrip("-").isdigit() for keys in by_row for key in keys):
        return []  # schemas, or objects for single values
    is_uneven = len(lengths) > 1 or len(by_row) > 1
    records = []
    for row in range(max(lengths)):
        parts = [column[row] for column in columns.values() if column and row < len(column)]
        records.append(
            Record(
                node.start if row == 0 else node.end,
                node.end,
                tuple(part.text for part in parts),
                tuple(name for name, column in columns.items() if column and row < len(column)),
                is_cut_off=node.is_open
                and (len(parts) < len(columns) or any(part.is_open for part in parts)),
                doubt="misaligned" if is_uneven and not node.is_open else None,
            )
        )
    return records


def _split(node: Node, expected: Expected) -> list[Record]:
    """Records of an object that has the names of columns in one list and rows in another."""
    for _, header in node.pairs:
        names = [item.text or "" for item in header.items or [] if item.is_scalar]
        if not expected.is_header(names):
            continue
        for _, rows in node.pairs:
            arrays = [row for row in rows.items or [] if row.items is not None]
            if arrays and rows is not header:
                return [*rows_in([header, *arrays], expected)]
    return []
