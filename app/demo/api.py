"""A small client of the service's own HTTP API, as a user's program would have it: retries, pages, imports."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 600.0
RETRY_SECONDS = 120.0


class DemoFailed(RuntimeError):
    """The service refused something that the demo needs; the text says what."""


def _code(answer: httpx.Response) -> str:
    """The code of a problem document, or nothing."""
    found = answer.headers.get("content-type", "").startswith("application/problem+json")
    return str(answer.json().get("code", "")) if found else ""


class Api:
    """Calls with the token of the demo organization. Waits while the service restarts."""

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: str, path: str, *, accept: tuple[int, ...] = (), **arguments: Any) -> httpx.Response:
        """One request; a service that is just restarting is waited for. Raises DemoFailed on any other refusal."""
        deadline = time.monotonic() + RETRY_SECONDS
        headers = {"Idempotency-Key": uuid4().hex} if method == "POST" else {}  # an answer may be lost on its way
        while True:
            try:
                answer = self._http.request(method, path, headers=headers, **arguments)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise DemoFailed(f"{method} {path}: {error}") from error
            else:
                if answer.is_success or answer.status_code in accept:
                    return answer
                again = answer.status_code in (503, 429) or _code(answer) in ("idempotency.in_flight", "busy")
                if not again or time.monotonic() > deadline:
                    raise DemoFailed(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
            time.sleep(0.5)

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list."""
        wanted: dict[str, Any] = {"limit": 200, **query}
        while True:
            page = self.call("GET", path, params=wanted).json()
            yield from page["data"]
            if not page["has_more"]:
                return
            wanted["cursor"] = page["next_cursor"]

    def load(
        self,
        file: Path,
        kind: str,
        *,
        mapping: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """Load a file through the public import and wait for its end. The key makes a repeated upload the same one."""
        form = {"kind": kind, "mapping": json.dumps(mapping or {}), "options": json.dumps(options or {})}
        with file.open("rb") as stream:
            content = stream.read()
        made = self.call("POST", "/v1/imports", data=form, files={"file": (file.name, content)}).json()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while made["state"] in ("queued", "running"):
            if time.monotonic() > deadline:
                raise DemoFailed(f"the import of {file.name} does not end")
            time.sleep(POLL_SECONDS)
            made = self.call("GET", f"/v1/imports/{made['id']}").json()
            if progress is not None:
                progress(made["percent"])
        if made["state"] != "completed":
            raise DemoFailed(f"the import of {file.name} ended {made['state']}: {made['error']}")
        return dict(made)
