"""The one entrance: an XML invoice or a hybrid PDF to what it says."""

from __future__ import annotations

from app.integrations.invoice_formats import cii, ubl
from app.integrations.invoice_formats.errors import InvoiceFileRefused
from app.integrations.invoice_formats.pdf_attachment import embedded_invoice, is_pdf
from app.integrations.invoice_formats.records import EInvoice
from app.integrations.invoice_formats.xml_tree import read_tree

UBL_NAMESPACE = "urn:oasis:names:specification:ubl:schema:xsd:"


def read_invoice_file(data: bytes) -> EInvoice:
    """Read a UBL 2.1 invoice or credit note, a CII invoice, or a PDF that carries either.

    Raises InvoiceFileRefused, which names the element at fault by its path.
    """
    if not data.strip():
        raise InvoiceFileRefused("unknown_format", "the file is empty")
    if is_pdf(data):
        data = embedded_invoice(data)
    elif data[:2] == b"PK":
        raise InvoiceFileRefused("unknown_format", "the file is an archive; send the invoices in it one by one")
    elif not data.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith((b"<", b"\0<")):
        raise InvoiceFileRefused("unknown_format", "the file is neither XML nor PDF")
    root, namespace = read_tree(data)
    if root.tag == "StandardBusinessDocument":  # the envelope of the Peppol network
        inside = next((child for child in root.children if child.tag in ubl.ROOTS | cii.ROOTS), None)
        root, namespace = inside or root, ""
    if root.tag in ubl.ROOTS and (namespace.startswith(UBL_NAMESPACE) or not namespace):
        return ubl.read_ubl(root)
    if root.tag in cii.ROOTS:
        return cii.read_cii(root)
    detail = f"{root.tag[:40]!r} is no UBL Invoice or CreditNote, and no cross industry invoice"
    raise InvoiceFileRefused("unknown_format", detail, path=f"/{root.tag[:40]}")
