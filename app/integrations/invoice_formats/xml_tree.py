"""An XML document as a tree of light nodes with bounds. No document type, entity or external reference is accepted.

Contents of embedded files (base64) are dropped as they come: an invoice carries its own copy as a PDF.
"""

from __future__ import annotations

from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from app.integrations.bank_formats.xml_stream import Node
from app.integrations.invoice_formats.errors import InvoiceFileRefused

MAX_FILE_BYTES = 25_000_000
MAX_DEPTH = 32
MAX_NODES = 300_000
MAX_TEXT_CHARACTERS = 20_000
_CHUNK_BYTES = 64 * 1024
_EMBEDDED = frozenset({"EmbeddedDocumentBinaryObject", "AttachmentBinaryObject", "BinaryObject"})
_ENCODING_ERRORS = {18, 19}  # expat: unknown encoding, encoding of the declaration is wrong


class _Target:
    """What the parser calls: builds the tree within the bounds."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.namespace = ""
        self._stack: list[Node] = []
        self._text: list[str] = []
        self._length = 0
        self._nodes = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._nodes += 1
        if len(self._stack) >= MAX_DEPTH or self._nodes > MAX_NODES:
            detail = f"more than {MAX_NODES} elements, or nested deeper than {MAX_DEPTH}"
            raise InvoiceFileRefused("too_large", detail)
        namespace, _, name = tag.rpartition("}")
        node = Node(name, attributes)
        if self._stack:
            self._stack[-1].children.append(node)
        else:
            self.root, self.namespace = node, namespace.removeprefix("{")
        self._stack.append(node)
        self._text.clear()
        self._length = 0

    def data(self, text: str) -> None:
        if self._stack and self._stack[-1].tag in _EMBEDDED:
            return
        self._length += len(text)
        if self._length > MAX_TEXT_CHARACTERS:
            raise InvoiceFileRefused("too_large", f"a text is longer than {MAX_TEXT_CHARACTERS} characters")
        self._text.append(text)

    def end(self, _tag: str) -> None:
        node = self._stack.pop()
        if not node.children:
            node.text = "".join(self._text)
        self._text.clear()
        self._length = 0

    def close(self) -> None:
        """The parser asks for a result; there is none."""


def read_tree(data: bytes) -> tuple[Node, str]:
    """The root and its namespace. Raises InvoiceFileRefused: no XML, a document type, or past a bound."""
    if len(data) > MAX_FILE_BYTES:
        raise InvoiceFileRefused("too_large", f"an invoice is at most {MAX_FILE_BYTES} bytes")
    target = _Target()
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    try:
        content = data.lstrip(b" \t\r\n")
        for start in range(0, len(content), _CHUNK_BYTES):
            parser.feed(content[start : start + _CHUNK_BYTES])
        parser.close()
    except DefusedXmlException:
        raise InvoiceFileRefused("dtd_forbidden", "document types and entities are not accepted in invoices") from None
    except ParseError as error:
        line, column = error.position
        reason = "encoding" if error.code in _ENCODING_ERRORS else "malformed"
        raise InvoiceFileRefused(reason, f"the file is not well-formed XML, line {line}, column {column}") from None
    except (LookupError, ValueError) as error:
        raise InvoiceFileRefused("encoding", f"the encoding cannot be read: {error}"[:200]) from None
    if target.root is None:
        raise InvoiceFileRefused("malformed", "the file holds no XML element")
    return target.root, target.namespace
