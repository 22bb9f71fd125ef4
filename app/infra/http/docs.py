"""Pages about the interface that work without internet: `/docs` (Swagger UI), `/redoc`, and their files.

The files come from the wheel `fastapi-offline`; only its files are used.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

router = APIRouter(include_in_schema=False)
_HEADERS = {
    # The pages work without internet, and a browser that has it asks nobody else.
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'unsafe-inline';"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self';"
    " worker-src blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_LOGO_FROM_ELSEWHERE = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_LOGO = b"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
    "favicon.png": "image/png",
}


@router.get("/")
async def root() -> Response:
    """The docs are the front page."""
    return RedirectResponse("docs")


@router.get("/docs")
async def swagger_ui(request: Request) -> HTMLResponse:
    """Try the interface in the browser."""
    base = request.scope.get("root_path", "")
    page = get_swagger_ui_html(
        openapi_url=f"{base}/openapi.json",
        title=f"{request.app.title}: the interface",
        swagger_js_url=f"{base}/docs/files/swagger-ui-bundle.js",
        swagger_css_url=f"{base}/docs/files/swagger-ui.css",
        swagger_favicon_url=f"{base}/docs/files/favicon.png",
        swagger_ui_parameters={
            "persistAuthorization": True,
            "displayRequestDuration": True,
            "docExpansion": "none",
            "validatorUrl": None,  # a service of others, which would be told where this one is
        },
    )
    page.headers.update(_HEADERS)
    return page


@router.get("/redoc")
async def redoc(request: Request) -> HTMLResponse:
    """Read about the interface."""
    base = request.scope.get("root_path", "")
    page = get_redoc_html(
        openapi_url=f"{base}/openapi.json",
        title=f"{request.app.title}: the interface",
        redoc_js_url=f"{base}/docs/files/redoc.standalone.js",
        redoc_favicon_url=f"{base}/docs/files/favicon.png",
        with_google_fonts=False,
    )
    page.headers.update(_HEADERS)
    return page


@router.get("/docs/files/{name}")
async def docs_file(name: str) -> Response:
    """One of the four files that the pages need."""
    if name not in _TYPES:
        raise HTTPException(404)
    content = (files("fastapi_offline") / "static" / name).read_bytes()
    if name == "redoc.standalone.js":
        content = content.replace(_LOGO_FROM_ELSEWHERE, _NO_LOGO)
    return Response(content, media_type=_TYPES[name], headers={"Cache-Control": "public, max-age=86400"})
