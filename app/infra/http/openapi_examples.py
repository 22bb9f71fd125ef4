"""Examples in the OpenAPI document: one whole value for each schema that a body or an answer is made of.

Written examples (`examples=` of a model or field) come first. The rest is put together from the schemas: the first
choice of an enum, the default, and for strings what their format or name suggests. All is fixed, nothing is drawn.
Forms and problems have theirs beside the schema: each status of a problem has a code of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_REFERENCE = "#/components/schemas/"
_DEEPEST = 5
_FORMATS = {
    "date": "2026-03-31",
    "date-time": "2026-03-31T09:30:00Z",
    "email": "ada@example.com",
    "uri": "https://erp.example.com/duecourse",
    "binary": "…",
    "time": "09:30:00",
}
_NAMES: tuple[tuple[str, str], ...] = (
    (r"(^|_)currency$", "EUR"),
    (r"(^|_)number$", "RE-2026-000123"),
    (r"country$", "DE"),
    (r"language$", "en"),
    (r"timezone|time_zone", "Europe/Berlin"),
    (r"(^|_)source$", "gp"),
    (r"external_id$", "10042"),
    (r"iban$", "DE89370400440532013000"),
    (r"bic$", "COBADEFFXXX"),
    (r"e_?mail", "ada@example.com"),
    (r"url$", "https://erp.example.com/duecourse"),
    (r"phone|mobile", "+493012345678"),
    (r"reason|note|comment|text|detail|description|body", "As agreed on the phone"),
    (r"subject", "Invoice RE-2026-000123"),
    (r"^(legal_|display_)?name$|_name$", "Northwind GmbH"),
    (r"period$|month$", "2026-03"),
    (r"code$|key$", "standard"),
    (r"sha256|hash", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    (r"cursor$|token$", "eyJhIjoxfQ"),
)
_PATTERNS: tuple[str, ...] = (
    "1250.00", "10.00", "100", "1", "0.5", "EUR", "DE", "en", "2026-03", "2026-03-31", "standard", "gp", "A1", "10042",
    "09:30", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "+493012345678", "ada@example.com",
    "1200", "text/plain", "DE89370400440532013000", "COBADEFFXXX", "0.05", "-1.5",
)  # fmt: skip


_PROBLEMS: dict[str, tuple[str, str, str]] = {
    "400": ("http.bad_request", "Bad Request", "the body is not JSON"),
    "401": ("auth.token_expired", "Unauthorized", "the token has expired"),
    "403": ("auth.scope_missing", "Forbidden", "the token lacks a scope that this operation asks for"),
    "404": ("account.not_found", "Not Found", "no such account"),
    "406": ("stream.not_acceptable", "Not Acceptable", "send `Accept: text/event-stream`: the answer stays open"),
    "409": ("idempotency.in_flight", "Conflict", "the first request with this key has not ended yet"),
    "412": ("stale_version", "Precondition Failed", "the record was changed meanwhile: read it again"),
    "413": ("request.too_large", "Content Too Large", "the body is larger than what is taken"),
    "422": ("request.invalid", "Unprocessable Content", "the request does not fit its schema"),
    "428": ("version_required", "Precondition Required", "send the version that you read in If-Match"),
    "429": ("rate_limit.exceeded", "Too Many Requests", "too many requests: see Retry-After"),
    "500": ("internal_error", "Internal Server Error", "the service failed; the request had no effect"),
    "503": ("unavailable", "Service Unavailable", "the database does not answer; try again"),
}
_OAUTH: dict[str, tuple[str, str, str]] = {
    "400": ("oauth.invalid_request", "Bad Request", "grant_type is missing"),
    "401": ("oauth.invalid_client", "Unauthorized", "client id or secret is wrong"),
    "413": ("oauth.invalid_request", "Content Too Large", "the form is too large"),
    "503": ("unavailable", "Service Unavailable", "the database does not answer; try again"),
}
_FIELD_AT_FAULT = {"pointer": "/body/amount", "code": "string_pattern_mismatch", "detail": "not an amount"}


def add_problem_examples(responses: Mapping[str, Any], instance: str) -> None:
    """Show what a refusal of each of these statuses looks like. `instance` is the path that was asked for."""
    for status, response in responses.items():
        media = response.get("content", {}).get("application/problem+json")
        if media is None:
            continue
        oauth = media["schema"].get("$ref", "").endswith("/OAuthProblem")
        known = _OAUTH if oauth else _PROBLEMS
        if status not in known:
            continue
        code, title, detail = known[status]
        example: dict[str, Any] = {
            "type": f"/problems/{code}",
            "title": title,
            "status": int(status),
            "detail": detail,
            "instance": instance,
            "code": code,
            "request_id": "01981d8e-6a00-7000-8000-000000000001",
            "errors": [_FIELD_AT_FAULT] if code == "request.invalid" else [],
        }
        if code.startswith("oauth."):
            example |= {"error": code.partition(".")[2], "error_description": detail}
        media["example"] = example


def add_examples(document: dict[str, Any]) -> None:
    """Give every schema that a JSON body or answer refers to one example of its own, where it has none; forms, too."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    bodies, answers = _used(document)
    for name in sorted(bodies | answers):
        schema = schemas.get(name)
        if schema is None or schema.get("type") != "object" or "examples" in schema:
            continue
        made = _Maker(schemas, whole=name not in bodies).value(schema, name) or _smallest(schemas, schema)
        if made:
            schema["examples"] = [made]
    for media in _forms(document):
        media["example"] = _Maker(schemas, whole=True).value(media["schema"], "form")


def _smallest(schemas: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """A body of which nothing is required: with the first property that says something."""
    maker = _Maker(schemas, whole=False)
    for name, part in schema.get("properties", {}).items():
        value = maker.value(part, name, 1)
        if value not in (None, {}, []):
            return {name: value}
    return {}


def _forms(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Bodies whose schema stands at the operation, and that say no example: those of forms."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                if media.get("schema", {}).get("type") == "object" and "example" not in media:
                    yield media


def _used(document: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    bodies: set[str] = set()
    answers: set[str] = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            bodies |= set(_named(operation.get("requestBody", {}).get("content", {})))
            for status, response in operation["responses"].items():
                if status.startswith("2"):
                    answers |= set(_named(response.get("content", {})))
    return bodies, answers


def _named(content: Mapping[str, Any]) -> Iterator[str]:
    for media in content.values():
        reference = media.get("schema", {}).get("$ref", "")
        if reference.startswith(_REFERENCE):
            yield reference.removeprefix(_REFERENCE)


class _Maker:
    """Values of schemas. `whole`: every property, as in an answer; otherwise only the required ones."""

    def __init__(self, schemas: Mapping[str, Any], *, whole: bool) -> None:
        self._schemas, self._whole = schemas, whole

    def value(self, schema: Schema, name: str, depth: int = 0) -> Any:
        """One value that fits."""
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].removeprefix(_REFERENCE)]
        if schema.get("examples"):
            return schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return "EUR" if "EUR" in schema["enum"] else schema["enum"][0]
        if schema.get("default") is not None:
            return schema["default"]
        for union in ("anyOf", "oneOf", "allOf"):
            if union in schema:
                return self._choice(schema[union], name, depth)
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        return _scalar(schema, name)

    def _choice(self, choices: list[Schema], name: str, depth: int) -> Any:
        nullable = any(choice.get("type") == "null" for choice in choices)
        if nullable and depth >= _DEEPEST - 1:
            return None
        real = next((choice for choice in choices if choice.get("type") != "null"), None)
        return None if real is None else self.value(real, name, depth)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        required = set(schema.get("required", ()))
        names = [key for key in properties if key in required or (self._whole and depth < _DEEPEST)]
        return {key: self.value(properties[key], key, depth + 1) for key in names}

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        least = int(schema.get("minItems", 0))
        if "prefixItems" in schema:
            return [self.value(one, name, depth + 1) for one in schema["prefixItems"]]
        if least == 0 and (depth >= _DEEPEST or name == "errors"):
            return []
        one = self.value(schema.get("items", {}), name.removesuffix("s"), depth + 1)
        return [one] * max(1, least)


def _scalar(schema: Schema, name: str) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + (1 if "exclusiveMinimum" in schema else 0))
        most = schema.get("maximum", least)
        return max(least, min(most, 1)) if most >= least else least
    if kind != "string":
        return None if kind == "null" else {}
    return _string(schema, name)


def _string(schema: Schema, name: str) -> str:
    found = schema.get("format")
    if found == "uuid":
        digits = hashlib.sha256(name.encode()).hexdigest()
        return f"01981d8e-6a00-7{digits[:3]}-8{digits[3:6]}-{digits[6:18]}"
    if found in _FORMATS:
        return _FORMATS[found]
    named = next((text for pattern, text in _NAMES if re.search(pattern, name)), name.replace("_", " ") or "text")
    most = int(schema.get("maxLength", 1000))
    pattern = schema.get("pattern")
    for text in (named[:most].strip(), *_PATTERNS):
        fits = int(schema.get("minLength", 0)) <= len(text) <= most
        if fits and (pattern is None or re.search(pattern, text)):
            return text
    return named
