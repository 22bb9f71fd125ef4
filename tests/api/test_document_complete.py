"""Every operation of the interface has id, summary, description, examples, problems and scopes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.infra.http.problem_pages import catalogue
from app.organizations.rules import SCOPES
from tests.api.operations import Operation, checker, document, operations, resolve

PROBLEM = "application/problem+json"
ALL = operations()
WITHOUT_TOKEN = {
    "createToken", "getLiveness", "getMetrics", "getReadiness", "openInvoiceCopy", "receiveMessageEvents",
    "showUnsubscribe", "unsubscribeAddress",
}  # fmt: skip
"""What is asked without a token: of the service itself, or with a signature or a secret link."""
ANY_TOKEN = {"getMe", "streamEvents"}
"""Every token may ask; what is answered depends on its scopes."""
FAULTLESS = {"getLiveness", "getMetrics"}
"""They answer as long as the process lives."""
FILES = {
    "application/pdf", "application/octet-stream", "text/csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
"""Bytes that no text shows, and tables whose figures the example in JSON shows."""


def _answers(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, response in operation.facts["responses"].items():
        found = response
        while "$ref" in found:
            found = document()["components"]["responses"][found["$ref"].rpartition("/")[2]]
        yield status, found


def _examples(media: dict[str, Any]) -> list[Any]:
    """Those of a body or answer: its own, or those of its schema."""
    own = [media["example"]] if "example" in media else []
    own += [one["value"] for one in media.get("examples", {}).values()]
    return own or list(resolve(media["schema"]).get("examples", ()))


def _contents(operation: Operation) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every body and every answer with a content: where, media type, content."""
    for kind, media in operation.facts.get("requestBody", {}).get("content", {}).items():
        yield "body", kind, media
    for status, response in _answers(operation):
        for kind, media in response.get("content", {}).items():
            yield status, kind, media


def test_names_and_words() -> None:
    assert len({one.facts["operationId"] for one in ALL}) == len(ALL) > 550
    wordless = [one.name for one in ALL if len(one.facts.get("summary", "")) < 5]
    silent = [one.name for one in ALL if len(one.facts.get("description", "")) < 10]
    echoes = [one.name for one in ALL if one.facts["description"].rstrip(".") == one.facts["summary"].rstrip(".")]
    assert (wordless, silent, echoes) == ([], [], [])


def test_scopes() -> None:
    assert {one.name for one in ALL if not one.guarded} == WITHOUT_TOKEN
    assert {one.name for one in ALL if one.guarded and not one.scopes} == ANY_TOKEN
    assert {scope for one in ALL for scope in one.scopes} <= set(SCOPES)


def test_problems() -> None:
    for one in ALL:
        refusals = {status: found["content"] for status, found in _answers(one) if status >= "4"}
        assert refusals or one.name in FAULTLESS, one.name
        assert all(set(content) == {PROBLEM} for content in refusals.values()), one.name
        wanted = {"401", "403", "429", "500", "503"} if one.guarded else set()
        wanted |= {"404"} if one.path_parameters and one.guarded and one.method != "PUT" else set()  # or it is made
        wanted |= {"400", "413"} if "requestBody" in one.facts else set()
        assert wanted <= set(refusals), (one.name, wanted - set(refusals))


def test_examples_stand_at_every_body_and_answer() -> None:
    without = []
    for one in ALL:
        shown = {where for where, _, media in _contents(one) if _examples(media)}
        without += [(one.name, where, kind) for where, kind, media in _contents(one)
                    if not _examples(media) and not (kind in FILES and (where in shown or where == "200"))]  # fmt: skip
        empty = [status for status, found in _answers(one) if not found.get("content") and status not in ("202", "204")]
        without += [(one.name, status, "no content") for status in empty]
    assert without == []


def test_examples_fit_their_schemas() -> None:
    unfit, seen = [], set()
    for one in ALL:
        for where, kind, media in _contents(one):
            key = repr(media)
            if key not in seen:
                seen.add(key)
                fitting = checker(media["schema"])
                faults = (fault for example in _examples(media) for fault in fitting.iter_errors(example))
                unfit += [(one.name, where, kind, fault.message) for fault in faults]
    assert unfit == []
    assert list(checker({"$ref": "#/components/schemas/Problem"}).iter_errors({"status": "x"})), "it can fail"


def test_examples_of_problems_are_those_of_the_catalogue() -> None:
    known = catalogue()
    seen = set()
    for one in ALL:
        for status, response in _answers(one):
            for example in _examples(response.get("content", {}).get(PROBLEM, {"schema": {}})):
                assert str(example["status"]) == status, one.name
                assert example["type"].endswith("/" + example["code"])
                assert known[example["code"]].status == example["status"] or status == "413", example["code"]
                seen.add(example["code"])
    assert len(seen) >= 14
