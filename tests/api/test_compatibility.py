"""The gate against breaking changes: it finds each kind, and the document has none that is not recorded."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from clients.compatibility import breaking_changes, main

THING = {
    "type": "object",
    "required": ["id", "amount"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "amount": {"type": "string", "maxLength": 20},
        "state": {"enum": ["open", "closed"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
    },
}
CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/things": {
            "post": {
                "operationId": "createThing",
                "security": [{"oauth2": ["things:write"]}],
                "parameters": [{"name": "dry_run", "in": "query", "schema": {"type": "boolean"}}],
                "requestBody": {"content": CONTENT},
                "responses": {"201": {"content": CONTENT}, "422": {}},
            }
        }
    },
    "components": {"schemas": {"Thing": THING}},
}


def _post(document: dict[str, Any]) -> dict[str, Any]:
    return document["paths"]["/things"]["post"]


def _properties(document: dict[str, Any]) -> dict[str, Any]:
    return document["components"]["schemas"]["Thing"]["properties"]


BREAKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "the operation is gone": lambda d: d["paths"].pop("/things"),
    "is called makeThing": lambda d: _post(d).update(operationId="makeThing"),
    "also needs things:all": lambda d: _post(d).update(security=[{"oauth2": ["things:all"]}]),
    "parameter dry_run is gone": lambda d: _post(d).update(parameters=[]),
    "dry_run is newly required": lambda d: _post(d)["parameters"][0].update(required=True),
    "dry_run: is string, not boolean": lambda d: _post(d)["parameters"][0]["schema"].update(type="string"),
    "a body is newly required": lambda d: _post(d)["requestBody"].update(required=True),
    "takes no application/json": lambda d: _post(d)["requestBody"].update(content={}),
    "never answers 201": lambda d: _post(d)["responses"].pop("201"),
    "201 has no application/json": lambda d: _post(d)["responses"]["201"].update(content={}),
    "answer.note: is gone": lambda d: _properties(d).pop("note"),
    "answer.id: may newly be left out": lambda d: d["components"]["schemas"]["Thing"].update(required=["amount"]),
    "body.state: is newly required": lambda d: d["components"]["schemas"]["Thing"]["required"].append("state"),
    "body.state: does not take closed": lambda d: _properties(d).update(state={"enum": ["open"]}),
    "body.amount: maxLength is 10, not 20": lambda d: _properties(d)["amount"].update(maxLength=10),
    "body.amount: the pattern is": lambda d: _properties(d)["amount"].update(pattern="^[0-9]+$"),
    "answer.amount: is number, not string": lambda d: _properties(d)["amount"].update(type="number"),
    "answer.id: its format is None": lambda d: _properties(d)["id"].pop("format"),
    "body.note: null is not taken": lambda d: _properties(d).update(note={"type": "string"}),
    "answer.id: may newly be null": lambda d: _properties(d).update(
        id={"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}
    ),
}


@pytest.mark.parametrize("line", BREAKS)
def test_each_kind_of_break_is_found(line: str) -> None:
    changed = deepcopy(DOCUMENT)
    BREAKS[line](changed)
    found = breaking_changes(DOCUMENT, changed)
    assert any(line in one for one in found), found


def test_what_only_adds_breaks_nothing() -> None:
    changed = deepcopy(DOCUMENT)
    _properties(changed)["colour"] = {"type": "string"}
    _properties(changed)["state"]["enum"].append("held")
    _properties(changed)["amount"]["maxLength"] = 30
    _post(changed)["parameters"].append({"name": "show", "in": "query", "schema": {"type": "string"}})
    _post(changed)["responses"]["202"] = {}
    changed["paths"]["/others"] = {"get": {"responses": {}}}
    assert breaking_changes(DOCUMENT, changed) == []
    assert breaking_changes(DOCUMENT, DOCUMENT) == []


def test_the_document_breaks_no_client_of_the_released_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, capsys.readouterr().out
