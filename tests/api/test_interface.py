"""The document as a product: names of schemas, words, examples that fit, groups of operations."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.infra.http.openapi_examples import add_examples
from app.infra.http.openapi_names import parameter_words, schema_names
from tests.api.operations import checker, document, operations


def test_schemas_have_names_of_the_field_and_say_them() -> None:
    names = document()["components"]["schemas"]
    assert not [name for name in names if not re.fullmatch(r"[A-Z][A-Za-z0-9]*|Page_[A-Z][A-Za-z0-9]*_", name)]
    assert not [name for name, schema in names.items() if schema["title"] != name]


def test_every_parameter_says_what_it_means() -> None:
    silent = [
        (operation.name, parameter["name"])
        for operation in operations()
        for parameter in operation.facts.get("parameters", ())
        if len(parameter.get("description", "")) < 5
    ]
    assert silent == []


def test_every_body_and_answer_has_an_example_that_fits() -> None:
    schemas = document()["components"]["schemas"]
    without, unfit = [], []
    for operation in operations():
        contents = [operation.facts.get("requestBody", {}).get("content", {})]
        contents += [found.get("content", {}) for code, found in operation.facts["responses"].items() if code < "3"]
        for content in contents:
            name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            schema = schemas.get(name, {})
            if schema.get("type") == "object" and schema.get("required") and not schema.get("examples"):
                without.append((operation.name, name))
    for name, schema in schemas.items():
        if schema.get("examples"):
            fitting = checker({"$ref": f"#/components/schemas/{name}"})
            unfit += [(name, fault.message) for example in schema["examples"] for fault in fitting.iter_errors(example)]
    assert without == []
    assert unfit == []


def test_every_group_of_operations_is_described() -> None:
    described = {tag["name"]: tag["description"] for tag in document()["tags"]}
    assert set(described) == {tag for operation in operations() for tag in operation.facts["tags"]}
    assert all(len(text) > 10 for text in described.values())


def test_what_needs_no_token_says_so() -> None:
    assert not [operation.name for operation in operations() if "security" not in operation.facts]


def test_schemas_of_one_name_are_told_apart_by_their_room() -> None:
    page = {"properties": {"data": {"items": {"$ref": "#/components/schemas/app__cash__schemas__RunRead"}}}}
    found = schema_names(
        {
            "app__cash__schemas__RunRead": {}, "app__credit__file__schemas__RunRead": {}, "Amount-Input": {},
            "Amount-Output": {}, "app__infra__http__batches__BatchResult": {}, "app__plans__schemas__PlanRead": {},
            "app__infra__http__paging__Page_RunRead___1": page, "Plain": {},
        }
    )  # fmt: skip
    assert list(found.values()) == [
        "CashRunRead", "CreditRunRead", "Amount", "AmountOut", "BatchResult", "PlanRead", "Page_CashRunRead_",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="Thing"):
        schema_names({"Thing": {}, "Thing-Input": {}})


def test_parameters_without_words_get_them() -> None:
    assert parameter_words("credit_review_id", "path") == "The id of the credit review"
    assert parameter_words("due_from", "query") == "Lower bound of `due`"
    assert parameter_words("collector_id", "query") == "Only what belongs to this collector"
    assert parameter_words("state", "query") == "Only what has this state"


def test_examples_are_put_together_from_the_schema() -> None:
    thing: dict[str, Any] = {
        "type": "object",
        "required": ["id", "amount"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "amount": {"type": "string", "pattern": "^[0-9]+[.][0-9]{2}$"},
            "state": {"enum": ["open", "closed"]},
            "next": {"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "null"}]},
            "days": {"type": "integer", "minimum": 3},
        },
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    made = {
        "components": {"schemas": {"Thing": thing}},
        "paths": {"/things": {"get": {"responses": {"200": {"content": content}}}}},
    }
    add_examples(made)
    example = thing["examples"][0]
    assert (example["amount"], example["state"], example["days"]) == ("1250.00", "open", 3)
    assert example["next"]["amount"] == "1250.00"
