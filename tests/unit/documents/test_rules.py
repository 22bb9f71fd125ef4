"""What a document is by its content; its name alone convinces nobody."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.router import disposition
from app.documents.rules import (
    NAME_LENGTH_MAX,
    SUBJECT_KINDS,
    SUBJECT_TABLES,
    DocumentNameInvalid,
    DocumentTypeRefused,
    clean_name,
    media_type_of,
    scope_of_subject,
)
from app.organizations.rules import SCOPES

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def archive(**entries: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, text in entries.items():
            file.writestr(name.replace("__", "/"), text)
    return made.getvalue()


DOCX = archive(**{"[Content_Types].xml": "<Types/>", "word/document.xml": "<w/>"})
XLSX = archive(**{"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<w/>"})
MACROS = archive(**{"[Content_Types].xml": "<Types/>", "word/document.xml": "<w/>", "word/vbaProject.bin": "x"})


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (PDF, "Delivery note.PDF", "application/pdf"),
        (PNG, "a.png", "image/png"),
        (b"\xff\xd8\xff\xe0", "photo.jpeg", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a.webp", "image/webp"),
        (DOCX, "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (XLSX, "a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (
            archive(mimetype="application/vnd.oasis.opendocument.text"),
            "a.odt",
            "application/vnd.oasis.opendocument.text",
        ),
        ("Grüße".encode(), "a.txt", "text/plain"),
        ("Grüße".encode("latin-1"), "a.csv", "text/csv"),
        (b'<?xml version="1.0"?><Invoice/>', "a.xml", "application/xml"),
        (b"From: a@b.example\r\n\r\n<html>quoted</html>", "a.eml", "message/rfc822"),
    ],
)
def test_types_are_found_in_the_content(content: bytes, name: str, media_type: str) -> None:
    assert media_type_of(content, name) == media_type


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PDF, "a.png"),
        (PNG, "a.pdf"),
        (PDF, "a"),
        (PDF, "a.pdf.exe"),
        (b"MZ\x90\x00", "a.pdf"),
        (b"MZ\x90\x00", "a.txt"),
        (b"#!/bin/sh", "a.sh"),
        (b"<html><script>alert(1)</script>", "a.txt"),
        (b"<!DOCTYPE html>", "a.html"),
        (b'<?xml version="1.0"?><svg onload="x"/>', "a.xml"),
        (b'<x:html xmlns:x="http://www.w3.org/1999/xhtml"/>', "a.xml"),
        (b"<svg/>", "a.svg"),
        (MACROS, "a.docx"),
        (archive(a="x"), "a.zip"),
        (archive(mimetype="text/html"), "a.odt"),
        (b"PK\x03\x04 broken", "a.docx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "a.doc"),
        (b"", "a.txt"),
        (b"a\x00b", "a.txt"),
    ],
)
def test_everything_else_is_refused(content: bytes, name: str) -> None:
    with pytest.raises(DocumentTypeRefused):
        media_type_of(content, name)


@given(st.binary(max_size=300), st.text(max_size=20))
def test_no_content_breaks_the_check(content: bytes, name: str) -> None:
    for start in (b"", b"PK\x03\x04", b"RIFF", b"%PDF-", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        try:
            assert media_type_of(start + content, name)
        except DocumentTypeRefused:
            continue


@given(st.text())
def test_names_are_short_and_can_stand_in_a_header(name: str) -> None:
    try:
        kept = clean_name(name)
    except DocumentNameInvalid:
        return
    assert 0 < len(kept) <= NAME_LENGTH_MAX
    assert not set(kept) & set("/\\\r\n\x00")
    disposition(kept).encode("ascii")
    assert disposition(kept).count('"') == 2


def test_names_keep_their_ending() -> None:
    assert clean_name("C:\\temp\\..\\note.pdf") == "note.pdf"
    assert clean_name("x" * 300 + ".pdf").endswith("x.pdf")
    for nothing in ("", "/", "..", " . "):
        with pytest.raises(DocumentNameInvalid):
            clean_name(nothing)


def test_subjects_name_scopes_that_exist() -> None:
    assert set(SUBJECT_TABLES) <= set(SUBJECT_KINDS)
    assert scope_of_subject("dispute", SCOPES) == "disputes:read"
    assert scope_of_subject("nothing", SCOPES) is None


def test_a_large_text_is_judged_at_once() -> None:
    for content in (b"< " * 12_000_000, b"<" + b" " * 24_000_000):
        started = time.monotonic()
        assert media_type_of(content, "a.txt") == "text/plain"
        assert time.monotonic() - started < 2
