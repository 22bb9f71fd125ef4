"""Names in the OpenAPI document: of schemas that two modules call alike, and of parameters in words.

The framework tells models of one name apart by their module (`app__credit__file__schemas__StatementRead`), and what a
model takes from what it gives by `-Input` and `-Output`. Generated clients make class names of both, and a module is
nobody's business outside: here the room says it (`CreditStatementRead`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REFERENCE = "#/components/schemas/"
_MODULE = re.compile(r"app__(\w+?)__(?:\w+__)?([A-Za-z0-9]+)")
_PAGE = re.compile(r"(?:app__infra__http__paging__)?Page_(\w+?)_+\d+")
_FOUNDATION = "infra"
_PARAMETERS = {
    "Idempotency-Key": "The same key with the same body is answered once: a repetition gets the first answer again",
    "account_id": "The customer account",
    "legal_entity_id": "The company of ours that is owed",
    "format": "How the answer is written",
    "group_by": "What the figures are added up by",
    "currency": "ISO 4217, three letters",
    "updated_since": "Only what was changed then or later; for reading changes only",
    "source": "The system that the external id belongs to",
    "external_id": "The id of the record in its own system",
    "number": "The business number, exactly",
    "code": "The code, exactly",
    "active": "Only what is in use (true), or what is not (false)",
    "as_of": "The business date that the figures are of",
    "$filter": "OData filter, such as `open_amount gt 100 and currency eq 'EUR'`",
    "$select": "OData: names of columns with commas between them",
    "$orderby": "OData: column names, each with `asc` or `desc`",
    "$top": "OData: at most so many rows",
    "$skip": "OData: leave out so many rows first",
    "$count": "OData: also say how many rows there are",
    "$skiptoken": "OData: where the next page begins; taken from `@odata.nextLink`",
    "$format": "OData: `json` is what there is",
    "webhook-id": "Standard Webhooks: the id of the message, the same at each try",
    "webhook-timestamp": "Standard Webhooks: seconds since 1970",
    "webhook-signature": "Standard Webhooks: `v1,` and the signature in base64; several with blanks between them",
}


def schema_names(schemas: Mapping[str, Any]) -> dict[str, str]:
    """The name that each schema gets, where it is another than the framework's. Raises ValueError on two of a name."""
    found: dict[str, str] = {}
    for name in schemas:
        plain = _plain(name, schemas)
        if plain != name:
            found[name] = plain
    taken = [name for name in schemas if name not in found] + list(found.values())
    twice = {name for name in taken if taken.count(name) > 1} if len(set(taken)) < len(taken) else set()
    if twice:
        raise ValueError(f"schemas of one name: {', '.join(sorted(twice))}; give one of the classes another")
    return found


def _plain(name: str, schemas: Mapping[str, Any]) -> str:
    if _PAGE.fullmatch(name):
        inner = schemas[name]["properties"]["data"]["items"]["$ref"].removeprefix(REFERENCE)
        return f"Page_{_plain(inner, schemas)}_"
    if name.endswith("-Input"):
        return _plain(name.removesuffix("-Input"), schemas)
    if name.endswith("-Output"):
        return _plain(name.removesuffix("-Output"), schemas) + "Out"
    match = _MODULE.fullmatch(name)
    if match is None:
        return name
    room, own = match.groups()
    words = [word.capitalize() for word in room.split("_")]
    singular = "".join(words).removesuffix("s")
    return own if room == _FOUNDATION or own.startswith(singular) else "".join(words) + own


def renamed(part: Any, names: Mapping[str, str]) -> Any:
    """A copy of this part of the document with its references to renamed schemas led to their names."""
    if isinstance(part, dict):
        made = {key: renamed(value, names) for key, value in part.items()}
        reference = made.get("$ref")
        if isinstance(reference, str) and reference.startswith(REFERENCE):
            name = reference.removeprefix(REFERENCE)
            made["$ref"] = REFERENCE + names.get(name, name)
        return made
    return [renamed(one, names) for one in part] if isinstance(part, list) else part


def parameter_words(name: str, place: str) -> str:
    """What a parameter means, for one that does not say so itself."""
    words = name.replace("_", " ").replace(".", " ")
    if name in _PARAMETERS:
        return _PARAMETERS[name]
    if place == "path":
        return f"The id of the {words.removesuffix(' id')}" if name.endswith("_id") else f"The {words}"
    for ending, bound in (("_from", "Lower"), ("_since", "Lower"), ("_to", "Upper"), ("_until", "Upper")):
        if name.endswith(ending):
            return f"{bound} bound of `{name.removesuffix(ending)}`"
    if name.endswith("_id"):
        return f"Only what belongs to this {words.removesuffix(' id')}"
    return f"Only what has this {words}"
