"""`POST /v1/oauth/token`: the client credentials grant (RFC 6749, section 4.4)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request, Response

from app.core.clock import utc_now
from app.infra.http.problems import MEDIA_TYPE, problem_response
from app.infra.http.requests import type_json
from app.organizations.access_schemas import TokenRead
from app.organizations.tokens import TokenKey, find_grant

BODY_LIMIT_BYTES = 8192
FIELDS_MAX = 20
FORM = "application/x-www-form-urlencoded"
router = APIRouter(tags=["oauth"])
_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials"]},
        "client_id": {"type": "string", "description": "Unless HTTP Basic is used"},
        "client_secret": {"type": "string", "format": "password", "description": "Unless HTTP Basic is used"},
        "scope": {"type": "string", "description": "Scopes with blanks between; without it all that the client has"},
    },
}
_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/OAuthProblem"}}}}


class _Refused(Exception):
    """An error of RFC 6749, section 5.2."""

    def __init__(self, error: str, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.error, self.detail, self.status = error, detail, status


@router.post(
    "/oauth/token",
    operation_id="createToken",
    summary="Fetch an access token",
    response_model=TokenRead,
    responses={
        400: {"description": "The request is not one of RFC 6749", **_PROBLEM},
        401: {"description": "Client id or secret is wrong", **_PROBLEM},
        413: {"description": "The form is too large", **_PROBLEM},
        503: {"description": "The database does not answer", **_PROBLEM},
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {FORM: {"schema": _FORM_SCHEMA}}},
        "security": [{}, {"basic": []}],
    },
)
async def create_token(request: Request) -> Response:
    """Exchange client id and secret, in the form or as HTTP Basic, for a bearer token.

    Errors carry the `error` member of RFC 6749 beside the members of a problem document.
    """
    try:
        made = await _token(request)
    except _Refused as refused:
        headers = dict(_HEADERS)
        if refused.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="duecourse", charset="UTF-8"'
        return problem_response(
            request,
            refused.status,
            f"oauth.{refused.error}",
            refused.detail,
            facts={"error": refused.error, "error_description": refused.detail},
            headers=headers,
        )
    return Response(made.model_dump_json(), headers=_HEADERS, media_type=type_json)


async def _token(request: Request) -> TokenRead:
    form = await _form(request)
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise _Refused("invalid_request", "grant_type is missing")
    if grant_type != "client_credentials":
        raise _Refused("unsupported_grant_type", "the grant is client_credentials")
    client_id, secret = _credentials(request, form)
    wanted = frozenset(form.get("scope", "").split())
    now = utc_now()
    found = await find_grant(request.app.state.read_database, client_id, secret, wanted, now)
    if found is None:
        raise _Refused("invalid_client", "client id or secret is wrong", 401)
    grant, lifetime_seconds = found
    scopes = grant.scopes or frozenset()
    if wanted and not scopes:
        raise _Refused("invalid_scope", "the client has none of these scopes")
    token = TokenKey(request.app.state.settings).issue(grant, now, lifetime_seconds)
    return TokenRead(access_token=token, expires_in=lifetime_seconds, scope=" ".join(sorted(scopes)))


async def _form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise _Refused("invalid_request", f"the body is {FORM}")
    body = await request.body()
    if len(body) > BODY_LIMIT_BYTES:
        raise _Refused("invalid_request", f"the form is larger than {BODY_LIMIT_BYTES} bytes", 413)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise _Refused("invalid_request", "the form cannot be read") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _Refused("invalid_request", "a field stands in the form twice")
    return {name: value for name, value in form.items() if value}


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    header = request.headers.get("authorization")
    if header is None:
        if "client_id" not in form or "client_secret" not in form:
            raise _Refused("invalid_client", "client_id and client_secret are missing", 401)
        return form["client_id"], form["client_secret"]
    kind, _, encoded = header.partition(" ")
    try:
        if kind.lower() != "basic":
            raise ValueError
        name, colon, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        raise _Refused("invalid_client", "the Authorization header is not HTTP Basic", 401) from None
    if not colon or "client_secret" in form or form.get("client_id", name) != name:
        raise _Refused("invalid_request", "send the credentials once: in the form or as HTTP Basic")
    return unquote_plus(name), unquote_plus(secret)
