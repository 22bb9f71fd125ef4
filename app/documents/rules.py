"""What a document is by its content, which types are taken, and to what a document may belong. Pure."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping

from app.core.errors import RuleViolation

NAME_LENGTH_MAX = 200
ARCHIVE_ENTRIES_MAX = 5_000
TEXT_TYPES: Mapping[str, str] = {
    "txt": "text/plain",
    "csv": "text/csv",
    "xml": "application/xml",
    "eml": "message/rfc822",
    "json": "application/json",
}
EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "application/pdf": ("pdf",),
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/tiff": ("tif", "tiff"),
    "image/webp": ("webp",),
    "image/heic": ("heic", "heif"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx",),
    "application/vnd.oasis.opendocument.text": ("odt",),
    "application/vnd.oasis.opendocument.spreadsheet": ("ods",),
    "application/vnd.ms-outlook": ("msg",),
    **{media_type: (extension,) for extension, media_type in TEXT_TYPES.items()},
}
"""The types that are taken, with the endings of their names."""
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OUTLOOK_STREAM = "__properties_version1.0".encode("utf-16-le")
_ACTIVE = re.compile(rb"<\s{0,100}(?:!doctype\s{1,100}html|html|svg|script|iframe|object|embed)\b")
_ACTIVE_WORDS = (b"html", b"svg", b"script", b"iframe", b"object", b"embed")
_ACTIVE_NAMES = (b"http://www.w3.org/1999/xhtml", b"http://www.w3.org/2000/svg")
_SUBJECT_SCOPES: Mapping[str, tuple[str, ...]] = {
    "account": ("accounts:read",),
    "invoice": ("invoices:read",),
    "credit_memo": ("invoices:read",),
    "adjustment": ("invoices:read",),
    "payment": ("payments:read",),
    "remittance_advice": ("remittances:read", "remittance-advices:read", "cash-application:read"),
    "dispute": ("disputes:read",),
    "promise": ("promises:read", "collections:read"),
    "payment_plan": ("promises:read", "collections:read"),
    "collection_action": ("collections:read",),
    "correspondence": ("correspondence:read", "collections:read"),
    "inquiry": ("correspondence:read", "collections:read"),
    "escalation": ("collections:read",),
    "legal_case": ("collections:read",),
    "credit_file": ("credit:read",),
    "credit_review": ("credit:read",),
    "dunning_notice": ("dunning:read",),
    "report_schedule": ("reports:read",),
}
SUBJECT_KINDS = tuple(_SUBJECT_SCOPES)
SUBJECT_TABLES: Mapping[str, str] = {
    "account": "accounts",
    "invoice": "invoices",
    "credit_memo": "credit_memos",
    "adjustment": "adjustments",
    "payment": "payments",
}
"""Where the record of a kind is looked up; rooms with rules of their own register a guard instead."""


class DocumentTypeRefused(RuleViolation):
    """The content is not of a type that is taken, or not what its name says."""

    code = "document.type_refused"


class DocumentNameInvalid(RuleViolation):
    """The name cannot be shown or stored."""

    code = "document.name_invalid"


def scope_of_subject(kind: str, known: Mapping[str, str]) -> str | None:
    """The scope that lets somebody read the subject itself: the first that exists; None when none does."""
    return next((scope for scope in _SUBJECT_SCOPES.get(kind, ()) if scope in known), None)


def clean_name(name: str) -> str:
    """The last part of a path, without characters that cannot be shown. Raises DocumentNameInvalid for nothing."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(ch for ch in last if ch.isprintable() and not "\ud800" <= ch <= "\udfff").strip(" .")
    if not kept:
        raise DocumentNameInvalid("the file has no name", pointer="/file")
    if len(kept) <= NAME_LENGTH_MAX:
        return kept
    stem, dot, ending = kept.rpartition(".")
    return kept[:NAME_LENGTH_MAX] if not dot else f"{stem[: NAME_LENGTH_MAX - len(ending) - 1]}.{ending[:20]}"


def media_type_of(content: bytes, name: str) -> str:
    """The type of the content, found in its bytes; the ending of the name must not say otherwise.

    Taken are PDF, images, DOCX, XLSX, ODT, ODS, Outlook messages, and plain text, CSV, XML, JSON and e-mail, which
    have no signature and are named by their ending. Refused are programs, archives, documents with macros, and
    whatever a browser would run (HTML, SVG). Raises DocumentTypeRefused.
    """
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    found = _by_signature(content) or _text_type(content, ending)
    if found is None:
        raise DocumentTypeRefused("the content is not of a type that is taken", pointer="/file")
    if ending not in EXTENSIONS[found]:
        wanted = " or ".join(f".{extension}" for extension in EXTENSIONS[found])
        detail = f"the content is {found}, which is called {wanted}"
        raise DocumentTypeRefused(detail, pointer="/file", media_type=found)
    return found


def _by_signature(content: bytes) -> str | None:
    for offset, signature, media_type in _SIGNATURES:
        if content.startswith(signature, offset):
            return media_type
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(b"PK\x03\x04"):
        return _office_type(content)
    if content.startswith(_OLE) and _OUTLOOK_STREAM in content:
        return "application/vnd.ms-outlook"
    return None


def _office_type(content: bytes) -> str | None:
    """A document of an office suite without macros; None for any other archive. Only a short name is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) > ARCHIVE_ENTRIES_MAX or any("vbaproject" in name.lower() for name in names):
                return None
            if "[Content_Types].xml" in names:
                if "word/document.xml" in names:
                    return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
                if "xl/workbook.xml" in names:
                    return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 100:
                said = archive.read("mimetype").decode("ascii", "replace").strip()
                return said if said.startswith("application/vnd.oasis.opendocument") and said in EXTENSIONS else None
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, NotImplementedError, RuntimeError):
        return None
    return None


def _text_type(content: bytes, ending: str) -> str | None:
    """Plain text in UTF-8 or Latin-1 without control bytes, of the type that its ending says."""
    if ending not in TEXT_TYPES or not content.strip():
        return None
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", content):
        return None
    return None if ending != "eml" and _is_active(content) else TEXT_TYPES[ending]


def _is_active(content: bytes) -> bool:
    """Whether a browser would run it. The words are looked for first: 25 MB of `<` take the pattern seconds."""
    lowered = content.lower()
    if any(name in lowered for name in _ACTIVE_NAMES):
        return True
    return any(word in lowered for word in _ACTIVE_WORDS) and _ACTIVE.search(lowered) is not None
