"""The OpenAPI document: what the framework makes, with our problems, scopes and headers in it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from app.infra.http.fields import ETAG_HEADER
from app.infra.http.openapi_examples import add_examples, add_problem_examples
from app.infra.http.openapi_names import parameter_words, renamed, schema_names
from app.infra.http.problems import Problem, problems
from app.infra.http.requests import IF_MATCH_PATTERN

_REFERENCE = "#/components/schemas/"
_OAUTH_PROBLEM: dict[str, Any] = {
    "description": "A refusal (RFC 9457) with the members of RFC 6749, section 5.2",
    "allOf": [
        {"$ref": _REFERENCE + "Problem"},
        {
            "type": "object",
            "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
        },
    ],
}
_HEADERS: dict[str, Any] = {
    "X-Request-Id": {"description": "The id of this request in the logs", "schema": {"type": "string"}},
    **ETAG_HEADER,
}


def install(app: FastAPI, scopes: Mapping[str, str], routes: Sequence[BaseRoute]) -> None:
    """Replace `app.openapi`: these routes and the application's own. `scopes` are those of OAuth 2, described.

    The document takes seconds of processor time. It is made at the first request for `/openapi.json`, in a thread, and
    kept: neither the start of a process nor the requests of others wait for it.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                openapi_version=app.openapi_version,
                description=app.description,
                routes=[*routes, *app.routes],
                tags=app.openapi_tags,
                contact=app.contact,
                license_info=app.license_info,
                servers=[{"url": "/", "description": "This service"}],
            )
            app.openapi_schema = _finish(made, scopes)
        return app.openapi_schema

    served = _Served(app)
    app.openapi = document  # type: ignore[method-assign]
    app.add_route("/openapi.json", served.answer, include_in_schema=False)


@dataclass(slots=True)
class _Served:
    """The document as bytes, made once."""

    app: FastAPI
    _making: asyncio.Future[tuple[bytes, bytes, str]] | None = None

    async def answer(self, request: Request) -> Response:
        """The document, packed for whoever takes that; 304 for whoever has it."""
        if self._making is None or self._making.cancelled() or _failed(self._making):
            self._making = asyncio.ensure_future(asyncio.to_thread(self._make))
        plain, packed, tag = await asyncio.shield(self._making)
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if tag in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return Response(packed, media_type="application/json", headers={**headers, "Content-Encoding": "gzip"})
        return Response(plain, media_type="application/json", headers=headers)

    def _make(self) -> tuple[bytes, bytes, str]:
        plain = json.dumps(self.app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()
        return plain, gzip.compress(plain, 6), f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'


def _failed(future: asyncio.Future[Any]) -> bool:
    return future.done() and future.exception() is not None


def _finish(document: dict[str, Any], scopes: Mapping[str, str]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template=_REFERENCE + "{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"], schemas["OAuthProblem"] = problem, _OAUTH_PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["headers"] = _HEADERS
    schemes = components.setdefault("securitySchemes", {})
    schemes["basic"] = {"type": "http", "scheme": "basic", "description": "Client id and secret"}
    flow = schemes.get("oauth2", {}).get("flows", {}).get("clientCredentials")
    if flow is not None:
        flow["scopes"] = dict(scopes)
    shared: dict[str, Any] = {}
    for operation in operations(document):
        _finish_operation(operation, schemas)
        add_problem_examples(operation["responses"], "/v1/accounts/01981d8e-6a00-7000-8000-000000000042")
        _share_problems(operation["responses"], shared)
    components["responses"] = shared
    names = schema_names(schemas)
    schemas = {names.get(name, name): schema for name, schema in schemas.items()}
    components["schemas"] = {name: {**schema, "title": name} for name, schema in schemas.items()}  # classes of clients
    document = renamed(document, names)
    _say_keys(document["components"]["schemas"])
    add_examples(document)
    return document


def _say_keys(part: Any) -> None:
    """Maps whose keys have a form: other keys are refused, which `patternProperties` alone does not say."""
    if isinstance(part, list):
        for one in part:
            _say_keys(one)
    if not isinstance(part, dict):
        return
    forms = part.get("patternProperties")
    if isinstance(forms, dict) and len(forms) == 1 and part.get("type") == "object":
        del part["patternProperties"]
        (pattern, value), *_ = forms.items()
        part |= {"propertyNames": {"pattern": pattern}, "additionalProperties": value}
    for one in part.values():
        _say_keys(one)


def operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every operation of the document."""
    for path in document.get("paths", {}).values():
        for method, operation in path.items():
            if method in ("get", "put", "post", "delete", "patch"):
                yield operation


def _finish_operation(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    found = responses.get("422", {}).get("content", {}).get("application/json")
    if found is not None:
        responses["422"] = problems()[422]
    _finish_if_match(operation)
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
        parameter.setdefault("description", parameter_words(parameter["name"], parameter["in"]))
    operation.setdefault("security", [])  # none is needed, and that is meant
    also: set[int] = set()
    if "requestBody" in operation:
        also |= {400, 413}
    if any(parameter.get("name") == "Idempotency-Key" for parameter in operation.get("parameters", ())):
        also |= {409}  # the key is in flight, or another request holds the same rows
    for number in sorted(also):
        responses.setdefault(str(number), problems(number)[number])
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = {"$ref": "#/components/headers/X-Request-Id"}
        if status.startswith("2") and _has_version(response, schemas):
            headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    operation["responses"] = dict(sorted(responses.items()))


def _share_problems(responses: dict[str, Any], shared: dict[str, Any]) -> None:
    """Equal problem responses stand once among the components: the document is a third as long."""
    for status, response in responses.items():
        name = "".join(part.capitalize() for part in re.findall(r"[A-Za-z]+", response["description"]))
        if status.startswith(("4", "5")) and shared.setdefault(name, response) == response:
            responses[status] = {"$ref": f"#/components/responses/{name}"}


def _finish_if_match(operation: dict[str, Any]) -> None:
    """Every write knows If-Match; it is named where it can be refused, and required where it is."""
    responses, parameters = operation["responses"], operation.get("parameters", [])
    kept = []
    for parameter in parameters:
        if parameter.get("name") == "If-Match":
            if "412" not in responses:
                continue
            parameter = {**parameter, "schema": {"type": "string", "pattern": IF_MATCH_PATTERN}}
            if "428" in responses:
                parameter["required"] = True
        kept.append(parameter)
    if parameters:
        operation["parameters"] = kept


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null: `anyOf: [X, null]` says what no query can."""
    choices = schema.get("anyOf", [])
    others = [choice for choice in choices if choice != {"type": "null"}]
    if len(others) == len(choices):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**others[0], **rest} if len(others) == 1 else {**rest, "anyOf": others}


def _has_version(response: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    reference = response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    return "version" in schemas.get(reference.removeprefix(_REFERENCE), {}).get("properties", {})
