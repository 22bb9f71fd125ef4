"""The program that renders templates: started by `sandbox.py` with nothing of the service in reach.

Reads one JSON object a line, `{"templates": {name: source}, "values": {…}, "seconds": …, "characters": …}`, and answers
one: `{"texts": {name: text}}`, or `{"error": code, "template": name, "line": …, "detail": …}`. With `each`, a list of
values, it answers `{"each": […]}`, one such object for each, up to the first that is too slow. Memory is bounded for
the whole process, time for each rendering; whatever gets past both ends with the process.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MEMORY_BYTES = 512 * 1024 * 1024
CACHED_TEMPLATES = 200


class TooSlow(BaseException):
    """The time of a request is over. Not an Exception, so that a template's own handling cannot catch it."""


class TooLong(Exception):
    """The text grows past its bound."""


def _environment(*, escape: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=escape, keep_trailing_newline=False, cache_size=CACHED_TEMPLATES,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    # A template needs no functions of Python: what it shows comes as texts.
    for name in ("lipsum", "cycler", "joiner", "namespace"):
        environment.globals.pop(name, None)
    for name in ("pprint", "xmlattr", "urlize", "tojson", "filesizeformat", "random"):
        environment.filters.pop(name, None)
    return environment


PLAIN, ESCAPED = _environment(escape=False), _environment(escape=True)


@lru_cache(maxsize=CACHED_TEMPLATES)
def _compiled(source: str, *, escape: bool) -> Template:
    return (ESCAPED if escape else PLAIN).from_string(source)


def _render(name: str, source: str, values: Mapping[str, Any], characters: int) -> str:
    parts: list[str] = []
    length = 0
    for part in _compiled(source, escape=name == "html").generate(values):
        length += len(part)
        if length > characters:
            raise TooLong
        parts.append(part)
    return "".join(parts)


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    texts: dict[str, str] = {}
    name = ""
    signal.setitimer(signal.ITIMER_REAL, float(request["seconds"]))
    try:
        for name, source in request["templates"].items():
            texts[name] = _render(name, source, request["values"], int(request["characters"]))
    except TooSlow:
        return {"error": "too_slow", "template": name}
    except (MemoryError, OverflowError):
        return {"error": "too_large", "template": name}
    except TooLong:
        return {"error": "too_long", "template": name}
    except TemplateSyntaxError as error:
        return {"error": "syntax", "template": name, "line": error.lineno, "detail": str(error.message)[:300]}
    except SecurityError as error:
        return {"error": "forbidden", "template": name, "detail": str(error)[:300]}
    except (TemplateError, RecursionError, Exception) as error:
        return {"error": "failed", "template": name, "detail": f"{type(error).__name__}: {error}"[:300]}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return {"texts": texts}


def _answers(request: Mapping[str, Any]) -> dict[str, Any]:
    if "each" not in request:
        return _answer(request)
    found: list[dict[str, Any]] = []
    for values in request["each"]:
        found.append(_answer({**request, "values": values}))
        if found[-1].get("error") == "too_slow":
            break  # the others would be, too
    return {"each": found}


def main() -> None:
    """Answer requests until the pipe is closed."""

    def over(*_: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, over)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(500)
    for line in sys.stdin:
        try:
            answer = _answers(json.loads(line))
            text = json.dumps(answer)
        except TooSlow:
            text = json.dumps({"error": "too_slow", "template": ""})
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
