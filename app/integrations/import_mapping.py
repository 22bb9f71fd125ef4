"""Mapping files and options of an import, read from JSON into plain values. Pure.

`{"kind", "format": {delimiter, encoding, decimal_separator, thousands_separator, date_formats}, "columns":
{field: header}, "constants": {field: value}, "values": {field: {text in the file: value}}, "options": {…}}`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import FieldError
from app.integrations.errors import MappingInvalid, OptionsInvalid
from app.integrations.import_fields import FIELDS, KindFields

ENCODINGS = {
    "utf-8": "utf-8-sig",  # with or without a byte order mark
    "utf-8-sig": "utf-8-sig",
    "utf-16": "utf-16",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
}
CONSTANT_LENGTH_MAX = 500
VALUES_MAX = 1_000
DATE_FORMATS_MAX = 10
_DATE_FORMAT = re.compile(r"(?:%[Ymdyb]|[./ -])+", re.ASCII)
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SECTIONS = {
    "kind", "format", "columns", "joined", "constants", "values", "where", "empty", "absolute", "add_days",
    "other_headers", "blank_when", "optional_columns", "fallback", "less", "source_table", "cell_values", "options",
    "title", "about",
}  # fmt: skip
JOIN = "/"
AUTO = "auto"
_CHOICES: dict[str, tuple[str, ...]] = {
    "rounding": ("refuse", "half_up"),
    "late_facts": ("refuse", "post_in_open_period"),
    "on_missing_account": ("refuse", "create"),
    "on_missing_legal_entity": ("refuse", "use_only"),
    "on_missing_bank_account": ("refuse", "create"),
    "on_missing_payment_terms": ("refuse", "create"),
    "matching": ("run", "held"),
    "on_missing_application": ("keep", "undo_if_open", "undo"),
    "on_missing_source": ("refuse", "settle"),
    "on_number_taken": ("refuse", "qualify"),
    "open_amounts": ("compare", "follow"),
    "watermark": ("use", "ignore"),
}
_TEXT_OPTIONS = ("source", "legal_entity", "currency", "bank_account")


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How texts, numbers and dates are written in the file."""

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_separator: str = "."
    thousands_separator: str = ""
    date_formats: tuple[str, ...] = ("%Y-%m-%d",)

    @property
    def codec(self) -> str:
        """Python's codec."""
        return ENCODINGS[self.encoding]


@dataclass(frozen=True, slots=True)
class ImportMapping:
    """Which header holds which field. Without columns the headers are the field names themselves.

    `joined`: fields made of several columns, with a slash between. `where`: rows count only when the column has one of
    these texts (`<0`, `>0`, `=0` compare numbers, `!text` is anything else). `empty`: texts that mean nothing.
    `absolute`: amounts whose sign is dropped. `add_days`: columns of days, the first with any counts. `other_headers`:
    what a header may also be called. `blank_when`: a field is empty where a column has one of these texts.
    `optional_columns`: columns of the mapping that the file lacks are left out; needed fields stay needed.
    `tables`: names of the source's tables, the first where a file's name has none of them; `changed_at`: the column
    that says when a row was changed there last. `cell_values`: by header, texts that are read as others, before
    anything else looks at the row. `fallback`: columns that a field is taken from when its own is empty.
    `less`: columns of amounts that are taken off an amount.
    """

    format: TextFormat = TextFormat()
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()
    absolute: tuple[str, ...] = ()
    add_days: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    other_headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    blank_when: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    optional_columns: bool = False
    tables: tuple[str, ...] = ()
    changed_at: str | None = None
    cell_values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fallback: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    less: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the import may do. `source`, `legal_entity` (code) and `currency` stand where a row says nothing.

    `bank_account`: the identifier of the own account that a bank statement without one (CSV) is of.
    """

    rounding: str = "refuse"
    late_facts: str = "refuse"
    on_missing_account: str = "refuse"
    on_missing_legal_entity: str = "refuse"
    on_missing_bank_account: str = "refuse"
    on_missing_payment_terms: str = "refuse"
    matching: str = "run"
    on_missing_application: str = "keep"
    on_missing_source: str = "refuse"
    on_number_taken: str = "refuse"
    open_amounts: str = "compare"
    watermark: str = "use"
    source: str | None = None
    legal_entity: str | None = None
    currency: str | None = None
    bank_account: str | None = None


def read_mapping(kind: str, content: Mapping[str, Any]) -> ImportMapping:
    """The mapping of a kind of rows. Raises MappingInvalid, naming every field at fault."""
    faults: list[FieldError] = []

    def fault(pointer: str, detail: str) -> None:
        faults.append(FieldError(f"/mapping{pointer}", MappingInvalid.code, detail))

    for name in sorted(set(content) - _SECTIONS):
        fault(f"/{name}", "a mapping has kind, format, columns, constants, values and options")
    if content.get("kind", kind) != kind:
        fault("/kind", f"the mapping is for {str(content['kind'])[:40]}, the import for {kind}")
    known = FIELDS[kind]
    columns = _texts(content.get("columns"), "/columns", known, fault)
    constants = _texts(content.get("constants"), "/constants", known, fault)
    values = {
        name: _texts(table, f"/values/{name}", None, fault)
        for name, table in _section(content.get("values"), "/values", fault).items()
        if _is_field(name, f"/values/{name}", known, fault)
    }
    joined = {
        name: headers
        for name, headers in _lists(content.get("joined"), "/joined", fault).items()
        if _is_field(name, f"/joined/{name}", known, fault)
    }
    if columns and not faults:
        _check_needed(known, {*columns, *constants, *joined}, content, fault)
    mapping = ImportMapping(
        read_format(content.get("format"), fault),
        columns,
        constants,
        values,
        joined,
        _lists(content.get("where"), "/where", fault),
        frozenset(_list(content.get("empty"), "/empty", fault)),
        tuple(n for n in _list(content.get("absolute"), "/absolute", fault) if _is_field(n, "/absolute", known, fault)),
        _add_days(content.get("add_days"), known, fault),
        _lists(content.get("other_headers"), "/other_headers", fault),
        {
            name: _lists(columns_, f"/blank_when/{name}", fault)
            for name, columns_ in _section(content.get("blank_when"), "/blank_when", fault).items()
            if _is_field(name, f"/blank_when/{name}", known, fault)
        },
        content.get("optional_columns") is True,
        *_source_table(content.get("source_table"), fault),
        {
            header: _texts(table, f"/cell_values/{header}", None, fault)
            for header, table in _section(content.get("cell_values"), "/cell_values", fault).items()
        },
        {
            name: titles
            for name, titles in _lists(content.get("fallback"), "/fallback", fault).items()
            if _is_field(name, f"/fallback/{name}", known, fault)
        },
        _texts(content.get("less"), "/less", known, fault),
    )
    if faults:
        raise MappingInvalid("the mapping is refused; see errors", errors=tuple(faults[:100]))
    return mapping


def _add_days(found: Any, known: KindFields, fault: Any) -> dict[str, tuple[str, ...]]:
    """Columns of days by field: one, or several of which the first that is not zero counts."""
    given = {
        name: [titles] if isinstance(titles, str) else titles
        for name, titles in _section(found, "/add_days", fault).items()
        if _is_field(name, f"/add_days/{name}", known, fault)
    }
    return _lists(given, "/add_days", fault)


def _source_table(found: Any, fault: Any) -> tuple[tuple[str, ...], str | None]:
    given = dict(_section(found, "/source_table", fault))
    tables = _list(given.pop("tables", None), "/source_table/tables", fault)
    changed_at = given.pop("changed_at", None)
    if given or not (changed_at is None or (isinstance(changed_at, str) and 0 < len(changed_at) <= 128)):
        fault("/source_table", "it has tables (a list of names) and changed_at (a header)")
        changed_at = None
    return tuple(tables), changed_at


def table_of(tables: tuple[str, ...], file_name: str) -> str | None:
    """The table of the source that a file is from: the one in its name, else the first."""
    named = [table for table in tables if table.lower() in file_name.lower()]
    return named[0] if named else next(iter(tables), None)


def _check_needed(known: KindFields, given: set[str], content: Mapping[str, Any], fault: Any) -> None:
    options = content.get("options")
    if isinstance(options, Mapping):
        given = given | {name for name in _TEXT_OPTIONS if options.get(name)}
    for group in known.needed:
        if not given & set(group) and group != ("currency",):  # a currency may come from the request's options
            fault("/columns", f"{' or '.join(group)} is needed, as a column or a constant")


def _section(found: Any, pointer: str, fault: Any) -> Mapping[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        fault(pointer, "this must be an object")
        return {}
    return found


def _is_field(name: str, pointer: str, known: KindFields, fault: Any) -> bool:
    if name in known.names:
        return True
    fault(pointer, f"{name[:40]!r} is not a field; fields are {', '.join(known.names)}")
    return False


def _texts(found: Any, pointer: str, known: KindFields | None, fault: Any) -> dict[str, str]:
    """An object of texts by field (or, without `known`, by any text)."""
    made: dict[str, str] = {}
    for name, value in _section(found, pointer, fault).items():
        at = f"{pointer}/{name}"
        if len(made) >= VALUES_MAX:
            fault(pointer, f"at most {VALUES_MAX} entries")
            break
        if known is not None and not _is_field(name, at, known, fault):
            continue
        empty_is_fine = known is None  # a text of the file may stand for nothing
        if (
            not isinstance(value, str)
            or len(value) > CONSTANT_LENGTH_MAX
            or not value.isprintable()
            or not (value or empty_is_fine)
        ):
            fault(at, f"this must be one line of text, up to {CONSTANT_LENGTH_MAX} characters")
            continue
        made[name] = value
    return made


def _lists(found: Any, pointer: str, fault: Any) -> dict[str, tuple[str, ...]]:
    """An object of lists of texts, by any text."""
    section = _section(found, pointer, fault)
    if len(section) > VALUES_MAX:
        fault(pointer, f"at most {VALUES_MAX} entries")
        return {}
    return {name: tuple(_list(texts, f"{pointer}/{name}", fault)) for name, texts in section.items()}


def _list(found: Any, pointer: str, fault: Any) -> list[str]:
    if found is None:
        return []
    if (
        not isinstance(found, list)
        or len(found) > VALUES_MAX
        or not all(isinstance(text, str) and len(text) <= CONSTANT_LENGTH_MAX and text.isprintable() for text in found)
    ):
        fault(pointer, f"this must be a list of texts, up to {VALUES_MAX} of {CONSTANT_LENGTH_MAX} characters")
        return []
    return list(found)


def read_format(found: Any, fault: Any) -> TextFormat:
    """How texts, numbers and dates are written. Faults are told by their pointers below `/format`."""
    default = TextFormat()
    given = dict(_section(found, "/format", fault))
    delimiter = given.pop("delimiter", default.delimiter)
    if delimiter == AUTO:
        pass  # found out from the first line of the file
    elif not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0 ' or delimiter.isalnum():
        fault("/format/delimiter", "the delimiter is one character, such as , ; or tab")
        delimiter = default.delimiter
    encoding = given.pop("encoding", default.encoding)
    if not isinstance(encoding, str) or encoding.lower().replace("_", "-") not in (*ENCODINGS, AUTO):
        fault("/format/encoding", f"the encoding is one of {', '.join(ENCODINGS)}")
        encoding = default.encoding
    decimal = given.pop("decimal_separator", default.decimal_separator)
    if decimal not in (".", ","):
        fault("/format/decimal_separator", "the decimal separator is . or ,")
        decimal = default.decimal_separator
    thousands = given.pop("thousands_separator", default.thousands_separator)
    if thousands not in ("", ".", ",", "'", "\u2019", " ", "\u00a0", "\u202f") or thousands == decimal:
        fault("/format/thousands_separator", "the thousands separator is empty, . , ' or a blank, not the decimal's")
        thousands = ""
    formats = given.pop("date_formats", list(default.date_formats))
    if (
        not isinstance(formats, list | tuple)
        or not 1 <= len(formats) <= DATE_FORMATS_MAX
        or not all(map(_dates, formats))
    ):
        fault("/format/date_formats", "a list of formats of %Y or %y, %m or %b, and %d, once each, such as %d.%m.%Y")
        formats = default.date_formats
    for name in given:
        fault(f"/format/{name}", "the format has no such entry")
    return TextFormat(delimiter, encoding.lower().replace("_", "-"), decimal, thousands, tuple(formats))


def _dates(text: Any) -> bool:
    """Year, month and day, each once."""
    if not isinstance(text, str) or len(text) > 20 or not _DATE_FORMAT.fullmatch(text):
        return False
    return sorted(re.findall(r"%(.)", text.replace("%y", "%Y").replace("%b", "%m"))) == ["Y", "d", "m"]


def read_options(content: Mapping[str, Any]) -> ImportOptions:
    """The options. Raises OptionsInvalid, naming every one at fault."""
    faults: list[FieldError] = []
    made: dict[str, str] = {}
    for name, value in content.items():
        problem = _option_fault(name, value)
        if problem is not None:
            faults.append(FieldError(f"/options/{name[:64]}", OptionsInvalid.code, problem))
        else:
            made[name] = value
    if faults:
        raise OptionsInvalid("the options are refused; see errors", errors=tuple(faults[:100]))
    return ImportOptions(**made)


def _option_fault(name: str, value: Any) -> str | None:
    if name in _CHOICES:
        return None if value in _CHOICES[name] else f"one of {', '.join(_CHOICES[name])}"
    if name not in _TEXT_OPTIONS:
        return f"options are {', '.join((*_CHOICES, *_TEXT_OPTIONS))}"
    if not isinstance(value, str) or not 1 <= len(value) <= 64 or not value.isprintable():
        return "one line of text, up to 64 characters"
    if name == "source" and not _SOURCE.fullmatch(value):
        return "a source is letters, digits, dots and dashes"
    return None
