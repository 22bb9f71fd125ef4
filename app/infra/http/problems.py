"""Every refusal as RFC 9457 `application/problem+json`. The only module that knows the HTTP status of a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from traceback import extract_tb
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.core import errors
from app.infra.constraints import driver_error, refusal_of

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "/problems/"  # a page of this service (infra/http/problem_pages.py)
_STATUS: tuple[tuple[type[errors.DomainError], int], ...] = (
    (errors.NotFound, 404),
    (errors.StaleVersion, 412),
    (errors.VersionRequired, 428),
    (errors.Conflict, 409),
    (errors.RuleViolation, 422),
    (errors.Forbidden, 403),
    (errors.Unauthenticated, 401),
    (errors.TooLarge, 413),
    (errors.RateLimited, 429),
    (errors.Unavailable, 503),
)
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_READABLE_PATTERN_LENGTH = 100
log = structlog.get_logger(__name__)


class ProblemField(BaseModel):
    """One field at fault."""

    pointer: str = Field(description="JSON pointer into the request: /body fields, or /query/…, /path/…, /header/…")
    code: str
    detail: str


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str | None = None
    errors: list[ProblemField] = Field(default_factory=list)


def phrase(status: int) -> str:
    """The name of a status (RFC 9110), the same under every version of Python: 3.13 renamed two of them."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or HTTPStatus(status).phrase


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: these problem statuses besides those that every route may answer."""
    described: dict[int | str, dict[str, Any]] = {}
    for status in sorted({400, 401, 403, 422, 429, 500, 503, *statuses}):
        described[status] = {
            "description": phrase(status),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return described


def status_of(error: errors.DomainError) -> int:
    """The HTTP status of a refusal."""
    return status_of_kind(type(error))


def status_of_kind(error: type[errors.DomainError]) -> int:
    """The HTTP status of a kind of refusal."""
    return next((status for kind, status in _STATUS if issubclass(error, kind)), 400)


def problem_response(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    title: str | None = None,
    fields: Sequence[Mapping[str, str]] = (),
    facts: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the problem document of this request."""
    body: dict[str, object] = {
        "type": TYPE_BASE + code,
        "title": title or phrase(status),
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        "request_id": request.scope.get("state", {}).get("request_id"),
        "errors": list(fields),
    }
    for key, value in (facts or {}).items():
        body.setdefault(key, value if isinstance(value, str | int | bool | None) or _is_table(value) else str(value))
    text = json.dumps(body, ensure_ascii=True)
    return Response(text, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _is_table(value: object) -> bool:
    """A list of objects that hold texts only, such as the accounts to choose from."""
    return isinstance(value, list) and all(
        isinstance(row, dict) and all(isinstance(cell, str) for cell in row.values()) for row in value
    )


def refusal_response(request: Request, error: errors.DomainError) -> Response:
    """The problem document of a domain refusal."""
    headers: dict[str, str] = {}
    status = status_of(error)
    if status == 401:
        headers["WWW-Authenticate"] = request.scope.get("state", {}).get("challenge", "Bearer")
    if status in (429, 503):
        headers["Retry-After"] = str(error.facts.get("retry_after_seconds", 1))
    return problem_response(
        request,
        status,
        error.code,
        error.detail,
        title=error.title,
        fields=[{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in error.errors],
        facts=error.facts,
        headers=headers,
    )


def fault_response(request: Request, error: Exception) -> Response:
    """The problem document of an exception that nobody expected: a refusal of the database, or 500."""
    refusal = refusal_of(error)
    if refusal is not None:
        return refusal_response(request, refusal)
    log.error("request.failed", path=request.url.path, **_facts_of(error))
    return problem_response(request, 500, "internal_error", "the service failed; the request had no effect")


def _facts_of(error: Exception) -> dict[str, object]:
    """What the log says of a fault: its kind and where it arose. Messages may quote values of rows and stay out."""
    facts: dict[str, object] = {
        "error": type(error).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)[-12:]],
    }
    found = driver_error(error)
    if found is not None:
        facts["sqlstate"] = found.sqlstate
        if str(found.sqlstate).startswith("42"):  # the statement itself is at fault: names of columns, no values
            facts["message"] = str(found.args[0])
    return facts


def install(app: FastAPI) -> None:
    """Register the handlers: no error leaves the service in another shape."""

    async def on_domain(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.DomainError)
        return refusal_response(request, error)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        literal = _methods_of_literal_path(app, request)
        if literal and request.method not in literal:
            # `/invoices/batch` reached `/invoices/{invoice_id}`, and "batch" is no id: the path knows other methods.
            return _method_not_allowed(request, literal)
        return problem_response(
            request,
            422,
            "request.invalid",
            "the request does not fit its schema; see errors",
            fields=[_field(item) for item in error.errors()[:100]],
        )

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        name = phrase(error.status_code)
        code = "http." + name.lower().replace(" ", "_").replace("-", "_")
        detail = str(error.detail) or name
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return _method_not_allowed(request, _allowed_methods(app, request))
        return problem_response(request, error.status_code, code, detail, headers=error.headers)

    async def on_fault(request: Request, error: Exception) -> Response:
        return fault_response(request, error)

    app.add_exception_handler(errors.DomainError, on_domain)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_fault)


def _method_not_allowed(request: Request, allowed: Sequence[str]) -> Response:
    headers = {"Allow": ", ".join(allowed)}
    return problem_response(request, 405, "http.method_not_allowed", phrase(405), headers=headers)


def _methods_of_literal_path(app: FastAPI, request: Request) -> list[str]:
    """The methods of a path that is served without parameters; none when there is no such path."""
    routes = [inner for route in app.router.routes for inner in getattr(route, "routes", None) or (route,)]
    found = [route for route in routes if getattr(route, "path", None) == request.scope["path"]]
    return sorted({method for route in found for method in getattr(route, "methods", None) or ()})


def _allowed_methods(app: FastAPI, request: Request) -> list[str]:
    """Every method that this path serves: the framework names those of its first route only (RFC 9110, 15.5.6)."""
    allowed = _methods_of_literal_path(app, request)
    if allowed:
        return allowed
    for method in _METHODS:
        probe = {"type": "http", "method": method, "path": request.scope["path"], "headers": []}
        if any(route.matches(dict(probe))[0] is Match.FULL for route in app.router.routes):
            allowed.append(method)
    return allowed


def _field(item: Mapping[str, Any]) -> dict[str, str]:
    where = [str(part).replace("~", "~0").replace("/", "~1") for part in item["loc"]]
    pointer = "/" + "/".join(where[1:] if where[:1] == ["body"] else where)
    detail = str(item["msg"])
    if item["type"] == "string_pattern_mismatch" and len(detail) > _READABLE_PATTERN_LENGTH:
        detail = "Input has characters or a form that this field does not take"
    return {"pointer": pointer, "code": str(item["type"]), "detail": detail}
