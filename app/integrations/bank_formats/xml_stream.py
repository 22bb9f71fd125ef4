"""XML read piece by piece into light nodes, with bounds, for bank messages.

No document type, no entity, no external reference is ever accepted (defusedxml). Depth, text, the number of
nodes held at once and the size of one token are bounded, so that hostile files end quickly and in little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.source import ByteSource

MAX_DEPTH = 48  # camt needs about 20
MAX_TEXT_CHARACTERS = 20_000  # in one element; the longest of camt is 500
MAX_HELD_NODES = 200_000
MAX_NAMES = 5_000  # different element and attribute names; camt has about 400
MAX_TOKEN_CHUNKS = 4  # chunks in which nothing at all was recognised (one giant tag or comment)
_ENCODING_ERRORS = {18, 19}  # expat: unknown encoding, encoding of the declaration is wrong


class Node:
    """An element: local name (namespace dropped), attributes, text of a leaf, children."""

    __slots__ = ("attributes", "children", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.text = ""
        self.children: list[Node] = []

    def child(self, *path: str) -> Node | None:
        """The first descendant along a path of names, or None."""
        node = self
        for name in path:
            for child in node.children:
                if child.tag == name:
                    node = child
                    break
            else:
                return None
        return node

    def all(self, name: str) -> Iterator[Node]:
        """The children of that name, in order."""
        return (child for child in self.children if child.tag == name)

    def value(self, *path: str) -> str | None:
        """The text along a path, spaces collapsed; None when absent or empty."""
        node = self.child(*path)
        return (" ".join(node.text.split()) or None) if node is not None else None

    def first(self, *paths: tuple[str, ...]) -> str | None:
        """The first text found among several paths (the versions name the same thing differently)."""
        for path in paths:
            found = self.value(*path)
            if found is not None:
                return found
        return None


class Taker(Protocol):
    """Receives the end of each element. True: the element was used up and is dropped from its parent."""

    def begin(self, name: str, namespace: str) -> None:
        """An element of this local name begins."""

    def take(self, node: Node) -> bool:
        """The element is complete."""


class _Target:
    """What the parser calls. Keeps the open elements and nothing that the taker has used up."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._stack: list[Node] = []
        self._held_before: list[int] = []
        self._held = 0
        self._text: list[str] = []
        self._text_length = 0
        self._names: dict[str, tuple[str, str]] = {}
        self.calls = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.calls += 1
        if len(self._stack) >= MAX_DEPTH:
            raise BankFileRefused("bank_file.too_deep", f"elements are nested deeper than {MAX_DEPTH}")
        if self._held >= MAX_HELD_NODES:
            raise BankFileRefused(
                "bank_file.too_many_elements", f"one entry or header has more than {MAX_HELD_NODES} elements"
            )
        name = self._names.get(tag)
        if name is None:
            namespace, _, local = tag.rpartition("}")
            name = (local, namespace.removeprefix("{"))
            self._remember(tag, name)
        for key in attributes:
            if key not in self._names:
                self._remember(key, (key, ""))
        self._taker.begin(*name)
        self._stack.append(Node(name[0], attributes))
        self._held_before.append(self._held)
        self._held += 1
        self._text.clear()
        self._text_length = 0

    def _remember(self, tag: str, name: tuple[str, str]) -> None:
        """The parser keeps every name for ever, so their number is bounded."""
        if len(self._names) >= MAX_NAMES:
            raise BankFileRefused("bank_file.too_many_elements", f"more than {MAX_NAMES} different names")
        self._names[tag] = name

    def data(self, text: str) -> None:
        self.calls += 1
        self._text_length += len(text)
        if self._text_length > MAX_TEXT_CHARACTERS:
            raise BankFileRefused("bank_file.text_too_long", f"a text is longer than {MAX_TEXT_CHARACTERS} characters")
        self._text.append(text)

    def end(self, tag: str) -> None:
        self.calls += 1
        node = self._stack.pop()
        held_before = self._held_before.pop()
        if not node.children:
            node.text = "".join(self._text)
        self._text.clear()
        self._text_length = 0
        if self._taker.take(node):
            self._held = held_before
        elif self._stack:
            self._stack[-1].children.append(node)

    def close(self) -> None:
        """The parser asks for a result; there is none."""


def stream(source: ByteSource, taker: Taker) -> None:
    """Parse the source, handing each complete element to `taker`.

    Raises BankFileRefused: malformed, truncated, document type, wrong encoding, or past a bound.
    """
    target = _Target(taker)
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    _guarded(lambda: _feed(parser, target, source), "bank_file.malformed")
    _guarded(parser.close, "bank_file.truncated")


def _feed(parser: DefusedXMLParser, target: _Target, source: ByteSource) -> None:
    idle_chunks = 0
    first = True
    for chunk in source.chunks():
        if first:
            chunk, first = chunk.lstrip(b" \t\r\n"), False  # some programs put a line before the declaration
        calls_before = target.calls
        parser.feed(chunk)
        idle_chunks = 0 if target.calls > calls_before else idle_chunks + 1
        if idle_chunks >= MAX_TOKEN_CHUNKS:
            raise BankFileRefused("bank_file.text_too_long", "a tag is too long, or comments are")


def _guarded(step: Callable[[], object], otherwise: str) -> None:
    try:
        step()
    except BankFileRefused:
        raise
    except DefusedXmlException:
        raise BankFileRefused(
            "bank_file.dtd_forbidden", "document types and entities are not accepted in bank files"
        ) from None
    except ParseError as error:
        line, column = error.position
        code = "bank_file.encoding" if error.code in _ENCODING_ERRORS else otherwise
        reason = "ends too early" if otherwise == "bank_file.truncated" else "is not well-formed XML"
        raise BankFileRefused(code, f"the file {reason}, line {line}, column {column}") from None
    except (LookupError, ValueError) as error:
        raise BankFileRefused("bank_file.encoding", f"the encoding cannot be read: {error}") from None
