"""`/problems`: what each problem code means. The `type` of a problem document leads here (RFC 9457, section 3.1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from inspect import cleandoc

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from app.core.errors import DomainError
from app.infra.http.problems import phrase, status_of_kind

router = APIRouter(include_in_schema=False)
_STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}td{padding:.3rem}"
_OF_THE_INTERFACE = {
    "request.invalid": (422, "The request does not fit its schema; `errors` names each field with a JSON pointer."),
    "request.too_large": (413, "The body is larger than the service takes."),
    "internal_error": (500, "The service failed. The request had no effect; its `request_id` finds it in the logs."),
    "stream.not_acceptable": (406, "The answer is a stream of events: the request must say that it takes one."),
    "not_ready": (503, "The service cannot serve yet: the database does not answer or is not migrated."),
    "http.not_found": (404, "No resource lives at this path."),
    "http.method_not_allowed": (405, "The path does not serve this method; `Allow` names those that it serves."),
    "http.bad_request": (400, "The request cannot be read."),
    "oauth.invalid_request": (400, "The token request is malformed (RFC 6749, section 5.2)."),
    "oauth.invalid_client": (401, "Client id or secret is wrong, or the client is not active."),
    "oauth.unsupported_grant_type": (400, "Only the client credentials grant is served."),
    "oauth.invalid_scope": (400, "The client holds none of the scopes that were asked for."),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """A problem code, its HTTP status, title, and what it says."""

    code: str
    status: int
    title: str
    text: str


def catalogue(package: str = "") -> dict[str, Meaning]:
    """Every code that the service can answer, in alphabetical order; of the modules below `package` only."""
    found = {code: Meaning(code, status, phrase(status), text) for code, (status, text) in _OF_THE_INTERFACE.items()}
    for kind in sorted(_kinds(DomainError), key=lambda found: (found.__module__, found.__qualname__)):
        if not kind.__module__.startswith(package):
            continue
        text = cleandoc(kind.__doc__ or "")
        found.setdefault(kind.code, Meaning(kind.code, status_of_kind(kind), kind.title, text))
    return dict(sorted(found.items()))


def _kinds(parent: type[DomainError]) -> Iterator[type[DomainError]]:
    for kind in parent.__subclasses__():
        if "code" in vars(kind):
            yield kind
        yield from _kinds(kind)


@router.get("/problems")
async def problem_index() -> HTMLResponse:
    """Every problem code with its status and meaning."""
    rows = "".join(
        f'<tr><td><a href="problems/{escape(one.code)}"><code>{escape(one.code)}</code></a></td>'
        f"<td>{one.status}</td><td>{escape(one.text.partition(chr(10))[0])}</td></tr>"
        for one in catalogue().values()
    )
    return _page("Problem codes", f"<table>{rows}</table>")


@router.get("/problems/{code}")
async def problem_page(code: str) -> HTMLResponse:
    """What one problem code means."""
    found = catalogue().get(code)
    if found is None:
        raise HTTPException(404)
    text = "".join(f"<p>{escape(part)}</p>" for part in found.text.split("\n\n"))
    status = f"{found.status} {phrase(found.status)}"
    return _page(found.code, f"<h2>{escape(found.title)}</h2><p>HTTP status {escape(status)}</p>{text}")


def _page(title: str, body: str) -> HTMLResponse:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return HTMLResponse(f"<!doctype html><html lang=en><head>{head}</head><body><h1>{escape(title)}</h1>{body}</body>")
