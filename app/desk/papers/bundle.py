"""Bind PDFs into one with page numbers: a paper in front, stored documents behind it. Pure.

Stored documents come from anywhere. Only their pages are taken, without scripts, actions and embedded files; what
cannot be read, is encrypted or too long is left out by name and with the reason.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.infra.rendering.papers import page_numbers_pdf

PAGES_MAX = 1_500
PAGES_OF_ONE_MAX = 400
ROUNDS_MAX = 3


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A stored PDF to be bound in."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Placed:
    """An enclosure in the bundle: its first page (from 1) and how many it has."""

    title: str
    first_page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """The bound file. `left_out`: names with reasons."""

    content: bytes
    pages: int
    placed: tuple[Placed, ...]
    left_out: tuple[tuple[str, str], ...]


Front = Callable[[tuple[Placed, ...], tuple[tuple[str, str], ...], int], bytes]
"""Renders the paper in front: what is enclosed where, what is left out, how many pages there are in all."""


def bind(front: Front, enclosures: Sequence[Enclosure], on: date, title_of: Callable[[int, str], str]) -> Bundle:
    """One PDF. The front names the pages of what follows, which depend on its own length: rendered until it fits.

    `title_of` makes the line in the index from number and name. Takes the processor for seconds: call it in a thread.
    """
    from pypdf import PdfReader, PdfWriter

    named, left_out = _readable(enclosures)
    readers = [(title_of(number, name), reader) for number, (name, reader) in enumerate(named, start=1)]
    lengths = [(title, len(reader.pages)) for title, reader in readers]
    own = 1
    for _ in range(ROUNDS_MAX):
        placed = _places(lengths, own)
        total = own + sum(pages for _, pages in lengths)
        content = front(placed, left_out, total)
        found = len(PdfReader(io.BytesIO(content)).pages)
        if found == own:
            break
        own = found
    writer = PdfWriter()
    writer.append(PdfReader(io.BytesIO(content)))
    for title, reader in readers:
        first = len(writer.pages)
        for page in reader.pages:
            writer.add_page(_harmless(page))
        writer.add_outline_item(title=title, page_number=first)
    _number(writer, own, on)
    stream = io.BytesIO()
    writer.write(stream)
    return Bundle(stream.getvalue(), len(writer.pages), placed, left_out)


def _readable(enclosures: Sequence[Enclosure]) -> tuple[list[tuple[str, Any]], tuple[tuple[str, str], ...]]:
    from pypdf import PdfReader

    readers: list[tuple[str, Any]] = []
    left_out: list[tuple[str, str]] = []
    pages = 0
    for enclosure in enclosures:
        try:
            reader = PdfReader(io.BytesIO(enclosure.content), strict=False)
            if reader.is_encrypted and not reader.decrypt(""):
                left_out.append((enclosure.name, "encrypted"))
                continue
            count = len(reader.pages)
            for page in reader.pages[: min(count, PAGES_OF_ONE_MAX)]:
                page.mediabox.width  # noqa: B018 - a page that cannot be resolved raises here, not in the bundle
        except Exception:  # whatever a broken file does to the parser
            left_out.append((enclosure.name, "unreadable"))
            continue
        if count > PAGES_OF_ONE_MAX or pages + count > PAGES_MAX:
            left_out.append((enclosure.name, "too_many_pages"))
            continue
        pages += count
        readers.append((enclosure.name, reader))
    return readers, tuple(left_out)


def _places(lengths: Sequence[tuple[str, int]], own: int) -> tuple[Placed, ...]:
    placed, page = [], own + 1
    for title, pages in lengths:
        placed.append(Placed(title, page, pages))
        page += pages
    return tuple(placed)


def _harmless(page: Any) -> Any:
    """The page without actions: scripts, links that start programs, embedded files."""
    from pypdf.generic import ArrayObject, NameObject

    page.pop("/AA", None)
    kept = ArrayObject()
    for reference in page.get("/Annots") or ():
        try:
            note = reference.get_object()
            if note.get("/Subtype") in ("/FileAttachment", "/RichMedia", "/Screen", "/Movie", "/Sound", "/3D"):
                continue
            note.pop("/A", None)
            note.pop("/AA", None)
        except Exception:  # noqa: S112 - a note that cannot be read is no loss
            continue
        kept.append(reference)
    if "/Annots" in page:
        page[NameObject("/Annots")] = kept
    return page


def _number(writer: Any, own: int, on: date) -> None:
    """Lay `n / total` over every page behind the front, whose footer has its own."""
    from pypdf import PdfReader

    total = len(writer.pages)
    behind = list(writer.pages)[own:]
    if not behind:
        return
    for page in behind:
        if page.rotation:
            page.transfer_rotation_to_content()
    sizes = [(round(page.mediabox.width), round(page.mediabox.height)) for page in behind]
    wanted = [(width, height, f"{own + index} / {total}") for index, (width, height) in enumerate(sizes, start=1)]
    numbers = PdfReader(io.BytesIO(page_numbers_pdf(wanted, on)))
    for page, number in zip(behind, numbers.pages, strict=True):
        left, bottom = page.mediabox.left, page.mediabox.bottom
        page.merge_translated_page(number, left, bottom)
