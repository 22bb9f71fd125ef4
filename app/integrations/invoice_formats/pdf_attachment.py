"""The XML inside of a hybrid invoice (PDF/A-3): found by the names that Factur-X, ZUGFeRD and XRechnung prescribe."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from pypdf import PdfReader

from app.integrations.invoice_formats.errors import InvoiceFileRefused

NAMES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml", "cii.xml", "ubl.xml")
MAX_ATTACHMENTS = 200
MAX_XML_BYTES = 5_000_000
MAX_PDF_BYTES = 25_000_000


def is_pdf(data: bytes) -> bool:
    """Whether the content begins as a PDF."""
    return data[:1024].lstrip().startswith(b"%PDF-")


def embedded_invoice(data: bytes) -> bytes:
    """The XML of the invoice. Raises InvoiceFileRefused: unreadable or encrypted, no such attachment, or several."""
    if len(data) > MAX_PDF_BYTES:
        raise InvoiceFileRefused("too_large", f"a PDF is at most {MAX_PDF_BYTES} bytes")
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvoiceFileRefused("pdf_unreadable", "the PDF is encrypted")
        found = _by_name(reader)
        wanted = [name for name in NAMES if name in found] or [name for name in found if name.endswith(".xml")]
        if not wanted:
            raise InvoiceFileRefused("no_attachment", f"the PDF holds no attachment {', '.join(NAMES[:3])}")
        if len(wanted) > 1 and wanted[0] not in NAMES:
            raise InvoiceFileRefused(
                "several_attachments", f"{len(wanted)} XML files are attached, none by a known name"
            )
        content = _content(found[wanted[0]])
    except InvoiceFileRefused:
        raise
    except RecursionError:
        raise InvoiceFileRefused("pdf_unreadable", "the PDF refers to itself") from None
    except Exception as error:  # whatever a broken file does to the parser
        raise InvoiceFileRefused("pdf_unreadable", f"the PDF cannot be read: {type(error).__name__}") from None
    if len(content) > MAX_XML_BYTES:
        raise InvoiceFileRefused("too_large", f"the attached XML is at most {MAX_XML_BYTES} bytes")
    return content


def _by_name(reader: PdfReader) -> dict[str, Any]:
    """File specifications by lower-case name: of the name tree, and of the list of associated files."""
    catalog: Any = reader.trailer["/Root"].get_object()
    found: dict[str, Any] = {}
    for place in (*_tree(catalog), *_associated(catalog)):
        specification: Any = place.get_object()
        name = str(specification.get("/UF") or specification.get("/F") or "").rsplit("/", 1)[-1].lower()
        if name:
            found.setdefault(name, specification)
    return found


def _tree(catalog: Any) -> Iterator[Any]:
    names = catalog.get("/Names")
    root = names.get_object().get("/EmbeddedFiles") if names is not None else None
    waiting, seen, given = [root] if root is not None else [], 0, 0
    while waiting:
        seen += 1
        if seen > MAX_ATTACHMENTS:
            raise InvoiceFileRefused("pdf_unreadable", f"more than {MAX_ATTACHMENTS} branches of attachments")
        node: Any = waiting.pop(0).get_object()
        waiting += list(node.get("/Kids") or ())[:MAX_ATTACHMENTS]
        pairs = list(node.get("/Names") or ())
        for place in pairs[1::2]:
            given += 1
            if given > MAX_ATTACHMENTS:
                raise InvoiceFileRefused("pdf_unreadable", f"more than {MAX_ATTACHMENTS} attachments")
            yield place


def _associated(catalog: Any) -> Iterator[Any]:
    files = catalog.get("/AF")
    if files is not None:
        yield from list(files.get_object())[:MAX_ATTACHMENTS]


def _content(specification: Any) -> bytes:
    holder: Any = specification["/EF"].get_object()
    stream: Any = (holder.get("/UF") or holder["/F"]).get_object()
    return bytes(stream.get_data())
