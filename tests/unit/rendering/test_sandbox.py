"""Templates that people wrote: rendered, or refused within bounds, whatever they try."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from app.infra.rendering.sandbox import Renderer, TemplateInvalid


@pytest.fixture
async def made() -> AsyncIterator[Renderer]:
    one = Renderer()
    yield one
    await one.close()


async def test_texts_are_rendered_and_html_is_escaped(made: Renderer) -> None:
    source = "Dear {{ name }}{% for one in items %}, {{ one.number }}{% endfor %}"
    values = {"name": "<b>Ada</b>", "items": [{"number": "RE-1"}, {"number": "RE-2"}]}
    texts = await made.render({"text": source, "html": source}, values)
    assert texts["text"] == "Dear <b>Ada</b>, RE-1, RE-2"
    assert texts["html"] == "Dear &lt;b&gt;Ada&lt;/b&gt;, RE-1, RE-2"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ 'a' * 10**10 }}", "too_large"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "too_slow"),
        ("{{ 9**(9**9) }}", "too_large|too_slow"),
        ("{{ 'ab'.ljust(500000) }}", "too_long"),
        ("{% for a in range(90000) %}abc{% endfor %}", "too_long"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "forbidden"),
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "failed|forbidden"),
        ("{{ self.__init__ }}", "forbidden"),
        ("{{ '{0.__class__.__base__}'.format(name) }}", "forbidden"),
        ("{{ nobody }}", "failed"),
        ("{% include '/etc/passwd' %}", "failed"),
        ("{% import 'os' as os %}", "failed"),
        ("{{ name", "syntax"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "failed"),
        ("{{ range(10**9)|list }}", "failed|too_large"),
    ],
)
async def test_hostile_templates_are_refused_in_time(made: Renderer, source: str, reason: str) -> None:
    await made.render({"text": "warm"}, {})
    started = time.monotonic()
    with pytest.raises(TemplateInvalid) as refused:
        await made.render({"text": source}, {"name": "Ada"})
    assert time.monotonic() - started < 8
    assert refused.value.facts["reason"] in reason.split("|"), refused.value.detail
    assert await made.render({"text": "still {{ name }}"}, {"name": "here"}) == {"text": "still here"}


async def test_a_template_sees_nothing_of_the_service(made: Renderer) -> None:
    with pytest.raises(TemplateInvalid):
        await made.render({"text": "{{ environ }}"}, {})
    assert await made.render({"text": "{{ range(3)|list }}"}, {}) == {"text": "[0, 1, 2]"}


async def test_many_at_once_get_their_own_texts(made: Renderer) -> None:
    texts = await asyncio.gather(*[made.render({"text": "{{ n }}"}, {"n": n}) for n in range(50)])
    assert [text["text"] for text in texts] == [str(n) for n in range(50)]


async def test_a_cancelled_request_does_not_answer_the_next(made: Renderer) -> None:
    await made.render({"text": "warm"}, {})
    slow = asyncio.ensure_future(made.render({"text": "{% for a in range(90000) %}{% endfor %}late"}, {}))
    await asyncio.sleep(0.001)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await made.render({"text": "next"}, {}) == {"text": "next"}
