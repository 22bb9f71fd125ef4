"""Render templates that people wrote: Jinja2's sandbox in a process of its own, bounded in time, memory and length.

The sandbox keeps a template from reaching Python; it does not keep it from asking for 'a' * 10**9 or a loop of a
thousand million rounds. The process does: it has no environment, no files open, a bound on its memory, and is thrown
away when it does not answer in time. One is kept for each event loop, so that a text takes a millisecond or two.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from app.core.errors import RuleViolation, Unavailable

RENDER_SECONDS = 2.0
START_SECONDS = 20.0
TEMPLATE_CHARACTERS_MAX = 50_000
TEXT_CHARACTERS_MAX = 100_000
EACH_MAX = 50
"""Renderings in one trip to the process."""
VALUES_BYTES_MAX = 2_000_000
_LINE_BYTES_MAX = 16 * 1024 * 1024
_CHILD = Path(__file__).with_name("child.py")
_DETAILS = {
    "too_slow": f"rendering takes longer than {RENDER_SECONDS:g} seconds",
    "too_large": "rendering needs too much memory",
    "too_long": f"the text is longer than {TEXT_CHARACTERS_MAX} characters",
    "forbidden": "the template reaches for what it may not use",
    "syntax": "the template cannot be read",
    "failed": "the template cannot be rendered",
}


class TemplateInvalid(RuleViolation):
    """The template cannot be rendered with these values: syntax, an unknown variable, or past a bound."""

    code = "template.invalid"


class RendererUnavailable(Unavailable):
    """The process that renders does not start."""

    code = "template.renderer_unavailable"


@dataclass(slots=True)
class Renderer:
    """The process of one event loop; started when it is first needed, and again after it was thrown away."""

    _process: asyncio.subprocess.Process | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def render(self, templates: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
        """The text of each template; one called `html` has its values escaped. Raises TemplateInvalid."""
        _check_length(templates)
        request = {
            "templates": dict(templates),
            "values": values,
            "seconds": RENDER_SECONDS,
            "characters": TEXT_CHARACTERS_MAX,
        }
        line = json.dumps(request).encode() + b"\n"
        if len(line) > VALUES_BYTES_MAX:
            raise TemplateInvalid("the values of the template are too large")
        async with self._lock:
            answer = await self._ask(line)
        made = _read(answer)
        if isinstance(made, TemplateInvalid):
            raise made
        return made

    async def render_each(
        self, templates: Mapping[str, str], values: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, str] | TemplateInvalid]:
        """The texts of the same templates with many values, or why not, in order; in few trips to the process.

        After one that is too slow the others are not tried: they would be as slow. Raises TemplateInvalid for templates
        that are too long.
        """
        _check_length(templates)
        head = {"templates": dict(templates), "seconds": RENDER_SECONDS, "characters": TEXT_CHARACTERS_MAX}
        made: list[dict[str, str] | TemplateInvalid] = []
        for start in range(0, len(values), EACH_MAX):
            batch = values[start : start + EACH_MAX]
            line = json.dumps({**head, "each": batch}).encode() + b"\n"
            if len(line) > VALUES_BYTES_MAX:
                made += [await self._one(templates, each) for each in batch]
                continue
            async with self._lock:
                answer = await self._ask(line)
            found = [_read(each) for each in answer.get("each", [])]
            made += found + [_read(answer if "error" in answer else {"error": "too_slow"})] * (len(batch) - len(found))
        return made

    async def _one(self, templates: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str] | TemplateInvalid:
        try:
            return await self.render(templates, values)
        except TemplateInvalid as refusal:
            return refusal

    async def close(self) -> None:
        """End the process."""
        async with self._lock:
            await self._throw_away()

    async def _ask(self, line: bytes) -> dict[str, Any]:
        for last in (False, True):
            process = await self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(line)
                await process.stdin.drain()
                # The child ends a slow request by itself; this is for what does not hear the alarm, such as a power.
                text = await asyncio.wait_for(process.stdout.readline(), RENDER_SECONDS + 1)
            except (TimeoutError, ValueError):
                await self._throw_away()
                return {"error": "too_slow"}
            except (ConnectionError, OSError):
                text = b""
            except BaseException:  # cancelled: the answer of this request must not be taken for the next one's
                await self._throw_away()
                raise
            if text:
                answer: dict[str, Any] = json.loads(text)
                return answer
            await self._throw_away()
            if last:
                return {"error": "too_large"}
        raise AssertionError("unreachable")

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", str(_CHILD),
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                    env={}, cwd="/", limit=_LINE_BYTES_MAX, close_fds=True,
                )  # fmt: skip
            except OSError as error:
                raise RendererUnavailable(f"the renderer does not start: {error.strerror}") from None
            await self._first_answer(self._process)
        return self._process

    async def _first_answer(self, process: asyncio.subprocess.Process) -> None:
        """Wait until it has started, which takes longer than a text may take."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(b'{"templates": {}, "values": {}, "seconds": 1, "characters": 1}\n')
            await process.stdin.drain()
            text = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        except (TimeoutError, ConnectionError, OSError):
            text = b""
        if not text:
            await self._throw_away()
            raise RendererUnavailable("the renderer does not start")

    async def _throw_away(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


def _check_length(templates: Mapping[str, str]) -> None:
    for name, source in templates.items():
        if len(source) > TEMPLATE_CHARACTERS_MAX:
            detail = f"a template has at most {TEMPLATE_CHARACTERS_MAX} characters"
            raise TemplateInvalid(detail, pointer=f"/{name}")


def _read(answer: Mapping[str, Any]) -> dict[str, str] | TemplateInvalid:
    """What the process said of one rendering."""
    if "texts" in answer:
        return {name: str(text) for name, text in answer["texts"].items()}
    code = str(answer.get("error"))
    detail = _DETAILS.get(code, _DETAILS["failed"])
    if answer.get("detail"):
        detail += f": {answer['detail']}"
    if answer.get("line"):
        detail += f" (line {answer['line']})"
    return TemplateInvalid(detail, pointer=f"/{answer.get('template') or ''}", reason=code)


_renderers: WeakKeyDictionary[asyncio.AbstractEventLoop, Renderer] = WeakKeyDictionary()


def renderer() -> Renderer:
    """The renderer of the running event loop."""
    return _renderers.setdefault(asyncio.get_running_loop(), Renderer())
