"""Pictures become pages; what would take the memory or the time of the service is refused by its header."""

from __future__ import annotations

import io
import struct
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from app.infra.rendering.images import PictureRefused, check_picture, picture_page_pdf
from tests.pictures import JPEG, png

DAY = date(2026, 3, 2)


@pytest.mark.parametrize(("content", "kind"), [(png(40, 30), "image/png"), (JPEG, "image/jpeg")])
def test_a_picture_is_one_page_with_one_image(content: bytes, kind: str) -> None:
    made = picture_page_pdf(content, kind, DAY)
    (page,) = PdfReader(io.BytesIO(made)).pages
    assert len(page.images) == 1
    assert picture_page_pdf(content, kind, DAY) == made, "the same picture gives the same bytes"


def _jpeg(width: int, height: int, *, scans: int = 1) -> bytes:
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8\xff\xe0\x00\x04ab" + frame + b"\xff\xda\x00\x02" * scans + b"\xff\xd9"


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (png(30_000, 30_000, rows=1), "image/png", "too_many_pixels"),
        (png(20_001, 1), "image/png", "too_many_pixels"),
        (_jpeg(60_000, 60_000), "image/jpeg", "too_many_pixels"),
        (_jpeg(10, 10, scans=65), "image/jpeg", "too_many_scans"),
        (_jpeg(0, 10), "image/jpeg", "unreadable"),
        (_jpeg(10, 10), "image/jpeg", "unreadable"),
        (png(40, 30)[:-40], "image/png", "unreadable"),
        (b"\x89PNG\r\n\x1a\n..", "image/png", "unreadable"),
        (b"\xff\xd8\xff", "image/jpeg", "unreadable"),
        (png(40, 30), "image/jpeg", "unreadable"),
        (b"\xff\xd8" + bytes(15_000_001), "image/jpeg", "too_large"),
    ],
)
def test_what_is_hostile_or_broken_is_refused_with_the_reason(content: bytes, kind: str, reason: str) -> None:
    with pytest.raises(PictureRefused) as refused:
        picture_page_pdf(content, kind, DAY)
    assert refused.value.reason == reason


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"]))
def test_any_bytes_are_answered(content: bytes, start: bytes) -> None:
    for kind in ("image/png", "image/jpeg"):
        try:
            size = check_picture(start + content, kind)
        except PictureRefused:
            continue
        assert 0 < size.width * size.height <= 40_000_000
