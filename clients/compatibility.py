"""What would break a client: the document compared with the released one, `openapi/released.json`.

`python -m clients.compatibility` lists breaking changes that are not recorded in `openapi/accepted_changes.json` and
ends with 1 when there are any; `--release` makes the present document the released one and empties the record.

Breaking is what a client of the released document cannot do any more, or may meet without knowing it: an operation,
parameter, answer or property that is gone, one that is newly required or newly null, a name of an operation that
changed, a narrower type, bound or choice in what is sent, a wider type in what comes back, another scope. New values
of a choice in answers are no break: clients are told to expect them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "openapi"
DOCUMENT, RELEASED = FOLDER / "openapi.json", FOLDER / "released.json"
ACCEPTED = FOLDER / "accepted_changes.json"
METHODS = ("get", "put", "post", "delete", "patch")
_WORDS = {"description", "summary", "examples", "title", "tags", "info", "servers", "example"}
_UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
Schema = Mapping[str, Any]


def breaking_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Every breaking change, one line each: where, and what."""
    return sorted(set(_Comparison(old, new).all()))


class _Comparison:
    """Two documents, and the pairs of schemas that were looked at."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self.old, self.new = old, new
        self._seen: set[tuple[str, str, bool, str]] = set()

    def all(self) -> Iterator[str]:
        for path, methods in self.old["paths"].items():
            for method in METHODS:
                if method not in methods:
                    continue
                where = f"{method.upper()} {path}"
                found = self.new["paths"].get(path, {}).get(method)
                if found is None:
                    yield f"{where}: the operation is gone"
                else:
                    yield from self._operation(where, methods[method], found)

    def _operation(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"{where}: the operation is called {new.get('operationId')}, not {old.get('operationId')}"
        more = _scopes(new) - _scopes(old)
        if more:
            yield f"{where}: also needs {', '.join(sorted(more))}"
        yield from self._parameters(where, old, new)
        yield from self._body(where, old.get("requestBody"), new.get("requestBody"))
        for status, response in old["responses"].items():
            if not status.startswith("2"):
                continue
            found = new["responses"].get(status)
            if found is None:
                yield f"{where}: never answers {status} any more"
                continue
            for media, content in response.get("content", {}).items():
                if media not in found.get("content", {}):
                    yield f"{where}: {status} has no {media} any more"
                    continue
                place = f"{where}: answer"
                yield from self._schema(
                    place, content.get("schema", {}), found["content"][media].get("schema", {}), False
                )

    def _parameters(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        before = {(one["in"], one["name"]): one for one in old.get("parameters", ())}
        after = {(one["in"], one["name"]): one for one in new.get("parameters", ())}
        for key, parameter in before.items():
            if key not in after:
                yield f"{where}: the {key[0]} parameter {key[1]} is gone"
                continue
            place = f"{where}: parameter {key[1]}"
            yield from self._schema(place, parameter["schema"], after[key]["schema"], True)
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{where}: the {key[0]} parameter {key[1]} is newly required"

    def _body(self, where: str, old: Schema | None, new: Schema | None) -> Iterator[str]:
        if new is not None and new.get("required") and not (old or {}).get("required"):
            yield f"{where}: a body is newly required"
        if old is None:
            return
        taken = {} if new is None else new["content"]
        for media, content in old["content"].items():
            if media not in taken:
                yield f"{where}: takes no {media} any more"
            else:
                yield from self._schema(
                    f"{where}: body", content.get("schema", {}), taken[media].get("schema", {}), True
                )

    def _schema(self, where: str, old: Schema, new: Schema, sent: bool) -> Iterator[str]:
        names = (old.get("$ref", ""), new.get("$ref", ""))
        if any(names):
            key = (*names, sent, "" if all(names) else where)
            if key in self._seen:
                return
            self._seen.add(key)
        old, new = _resolve(self.old, old), _resolve(self.new, new)
        (before, null_before), (after, null_after) = self._choices(self.old, old), self._choices(self.new, new)
        if null_before and not null_after and sent:
            yield f"{where}: null is not taken any more"
        if null_after and not null_before and not sent:
            yield f"{where}: may newly be null"
        if len(before) == len(after) == 1:
            yield from self._plain(where, before[0], after[0], sent)
        elif len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                yield from self._schema(where, one, other, sent)
        elif (len(before) > len(after)) == sent and after != [{}]:
            yield f"{where}: {'fewer' if sent else 'more'} kinds of values"

    @staticmethod
    def _choices(document: Mapping[str, Any], schema: Schema) -> tuple[list[Schema], bool]:
        parts = schema.get("anyOf") or schema.get("oneOf")
        if parts is None:
            return [schema], schema.get("type") == "null"
        real = [_resolve(document, part) for part in parts]
        return [part for part in real if part.get("type") != "null"], any(part.get("type") == "null" for part in real)

    def _plain(self, where: str, old: Schema, new: Schema, sent: bool) -> Iterator[str]:
        kinds = (old.get("type"), new.get("type"))
        wider = (kinds[0] == "integer" and kinds[1] == "number") if sent else kinds == ("number", "integer")
        unbound = kinds[1] is None if sent else False
        if kinds[0] is not None and kinds[0] != kinds[1] and not wider and not unbound:
            yield f"{where}: is {kinds[1] or 'anything'}, not {kinds[0]}"
            return
        if old.get("format") != new.get("format") and (new.get("format") is not None or not sent):
            yield f"{where}: its format is {new.get('format')}, not {old.get('format')}"
        if sent:
            yield from _narrower(where, old, new)
        yield from self._properties(where, old, new, sent)
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                yield from self._schema(f"{where}[]", old[part], new[part], sent)

    def _properties(self, where: str, old: Schema, new: Schema, sent: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            if name in after:
                yield from self._schema(f"{where}.{name}", before[name], after[name], sent)
            elif not sent or new.get("additionalProperties") is False:
                yield f"{where}.{name}: is gone"
        changed = needed_after - needed_before if sent else (needed_before - needed_after) & set(after)
        for name in sorted(changed):
            yield f"{where}.{name}: {'is newly required' if sent else 'may newly be left out'}"


def _resolve(document: Mapping[str, Any], schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _scopes(operation: Schema) -> set[str]:
    return {scope for entry in operation.get("security", ()) for scope in entry.get("oauth2", ())}


def _narrower(where: str, old: Schema, new: Schema) -> Iterator[str]:
    for word in _UPPER:
        if word in new and new[word] < old.get(word, float("inf")):
            yield f"{where}: {word} is {new[word]}, not {old.get(word, 'unbounded')}"
    for word in _LOWER:
        if word in new and new[word] > old.get(word, 0 if word in ("minLength", "minItems") else float("-inf")):
            yield f"{where}: {word} is {new[word]}, not {old.get(word, 'unbounded')}"
    before = set(map(str, old.get("enum", [old["const"]] if "const" in old else ())))
    after = set(map(str, new.get("enum", [new["const"]] if "const" in new else ())))
    if after and (not before or before - after):
        gone = ", ".join(sorted(before - after)) or "anything else"
        yield f"{where}: does not take {gone} any more"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{where}: the pattern is {new['pattern']}"


def reduced(part: Any, *, names: bool = False) -> Any:
    """The document without its words: what a comparison needs. `names`: the keys are names, none of them a word."""
    if isinstance(part, dict):
        inside = {"properties", "schemas", "paths", "content", "responses", "headers"}
        return {key: reduced(value, names=key in inside) for key, value in part.items() if names or key not in _WORDS}
    return [reduced(one) for one in part] if isinstance(part, list) else part


def main(arguments: list[str]) -> int:
    """Command entry: 0, or 1 with a line for each change that is not recorded, or recorded and not made."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    if arguments == ["--release"]:
        text = json.dumps(reduced(document), sort_keys=True, ensure_ascii=False, indent=0, separators=(",", ":"))
        RELEASED.write_text(text + "\n", encoding="utf-8")
        ACCEPTED.write_text("{}\n", encoding="utf-8")
        return 0
    found = set(breaking_changes(json.loads(RELEASED.read_text(encoding="utf-8")), document))
    recorded: dict[str, str] = json.loads(ACCEPTED.read_text(encoding="utf-8"))
    for line in sorted(found - set(recorded)):
        print(f"breaks clients: {line}")
    for line in sorted(set(recorded) - found):
        print(f"recorded in {ACCEPTED.name}, but not so: {line}")
    return 1 if found ^ set(recorded) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
