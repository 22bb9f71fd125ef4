"""The operations of the interface, read from its own document: what the generated tests loop over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

import jsonschema_rs

from app.openapi import FILE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_HERE = "urn:duecourse:interface"
METHODS = ("get", "put", "post", "delete", "patch")
Schema = dict[str, Any]


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The OpenAPI document as committed: to make it anew takes seconds. One test compares it with the code."""
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    name: str
    method: str
    path: str
    facts: dict[str, Any]

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that a token needs."""
        return frozenset(scope for entry in self.facts.get("security", ()) for scope in entry.get("oauth2", ()))

    @property
    def guarded(self) -> bool:
        """Whether a bearer token is needed."""
        return any("oauth2" in entry for entry in self.facts.get("security", ()))

    @property
    def path_parameters(self) -> list[str]:
        """Names in braces."""
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def query_parameters(self) -> list[str]:
        """Names after the question mark."""
        return [found["name"] for found in self.facts.get("parameters", ()) if found["in"] == "query"]

    @property
    def headers(self) -> set[str]:
        """Header parameters."""
        return {found["name"] for found in self.facts.get("parameters", ()) if found["in"] == "header"}

    @property
    def body_schema(self) -> Schema | None:
        """The JSON schema of the body, if it takes JSON."""
        found = self.facts.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        return found if found is None else resolve(found)

    def address(self, **ids: object) -> str:
        """The path with these ids, and unknown ones for the rest."""
        return re.sub(r"\{(\w+)\}", lambda match: str(ids.get(match[1], uuid4())), self.path)


def operations() -> list[Operation]:
    """Every operation, in the order of the document."""
    return list(_operations())


def _operations() -> Iterator[Operation]:
    for path, methods in document()["paths"].items():
        for method in METHODS:
            if method in methods:
                facts = methods[method]
                yield Operation(facts.get("operationId", f"{method} {path}"), method.upper(), path, facts)


def resolve(schema: Schema) -> Schema:
    """The schema behind a reference."""
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


@lru_cache(maxsize=1)
def _registry() -> Any:
    return jsonschema_rs.Registry([(_HERE, {"$schema": DIALECT, "components": document()["components"]})])


def checker(schema: Schema) -> Any:
    """What validates values of a schema of the document. The document is read once: a hundred times quicker."""
    absolute = json.loads(json.dumps(schema).replace('"#/components/', f'"{_HERE}#/components/'))
    return jsonschema_rs.validator_for({"$schema": DIALECT, **absolute}, registry=_registry())


def example(schema: Schema, name: str = "") -> Any:
    """A small value of a schema: required properties only, the first listed value or example where there is one."""
    schema = resolve(schema)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return "EUR" if "EUR" in schema["enum"] else schema["enum"][0]
    if "examples" in schema:
        return schema["examples"][0]
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return example(next(part for part in schema[union] if part.get("type") != "null"), name)
    if "allOf" in schema:
        return example(schema["allOf"][0], name)
    if schema.get("type") == "object":
        wanted = schema.get("required", [])
        return {key: example(schema["properties"][key], key) for key in wanted if key in schema.get("properties", {})}
    if schema.get("type") == "array":
        return [example(schema["items"], name) for _ in range(schema.get("minItems", 0))]
    return _scalar(schema, name)


def _scalar(schema: Schema, name: str) -> Any:
    kind = schema.get("type", "string")
    if kind in ("integer", "number"):
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    if kind == "boolean":
        return True
    by_format = {
        "uuid": str(uuid4()),
        "date": "2026-03-02",
        "date-time": "2026-03-02T12:00:00Z",
        "email": "ada@example.com",
    }
    return by_format.get(schema.get("format", ""), f"{name} 1".strip())


def properties_of(schema: Schema) -> dict[str, Schema]:
    """Properties of an object schema."""
    return dict(resolve(schema).get("properties", {}))
