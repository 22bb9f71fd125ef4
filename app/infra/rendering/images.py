"""A picture as a page of a PDF: photographs of damaged goods, scans that came as PNG or JPEG.

Pictures come from strangers. Their headers are read first, by hand: how many pixels, how many scans, how much memory
they would take unpacked; what is past the bounds is refused before anything decodes it. Sources: PNG 1.2 §4.1.1 (IHDR),
ITU T.81 Annex B (markers of JPEG).
"""

from __future__ import annotations

import struct
import tempfile
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal, NamedTuple

PICTURES = {"image/png": "png", "image/jpeg": "jpg"}
"""Media types that become pages, with the name that the typesetter has for them."""
BYTES_MAX = 15_000_000
PIXELS_MAX = 40_000_000
SIDE_MAX = 20_000
UNPACKED_BYTES_MAX = 160_000_000
SCANS_MAX = 64
POINTS_PER_PIXEL = 0.75  # 96 pixels an inch
_PAGE = """#set page(paper: "a4", margin: (left: 20mm, right: 20mm, top: 20mm, bottom: 25mm))
#align(center + horizon, image(read("/picture", encoding: none), format: "{form}", width: {width}, height: {height},
  fit: "contain"))"""
_TEXT_WIDTH, _TEXT_HEIGHT = 481, 714  # points of an A4 page within these margins
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
Reason = Literal["unreadable", "too_large", "too_many_pixels", "too_many_scans"]


class PictureRefused(Exception):
    """The picture does not become a page; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Size(NamedTuple):
    """Pixels of a picture, and the bytes that it takes unpacked."""

    width: int
    height: int
    unpacked_bytes: int


def picture_page_pdf(content: bytes, media_type: str, on: date) -> bytes:
    """One page with the picture, as large as it is at 96 pixels an inch, at most the page. Raises PictureRefused.

    Takes the processor for up to a second: call it in a thread.
    """
    import typst

    size = check_picture(content, media_type)
    natural = (size.width * POINTS_PER_PIXEL, size.height * POINTS_PER_PIXEL)
    fits = max(natural) <= min(_TEXT_WIDTH, _TEXT_HEIGHT)  # either way up: cameras write "turn me" beside the picture
    width, height = (f"{natural[0]:.2f}pt", f"{natural[1]:.2f}pt") if fits else ("100%", "100%")
    source = _PAGE.format(form=PICTURES[media_type], width=width, height=height)
    stamp = int(datetime.combine(on, time(), UTC).timestamp())
    with tempfile.TemporaryDirectory(prefix="picture-") as folder:
        root, page = Path(folder), Path(folder) / "page.typ"
        (root / "picture").write_bytes(content)
        page.write_text(source)
        try:
            made = typst.compile(page, root=root, format="pdf", ignore_system_fonts=True, timestamp=stamp)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # the typesetter's panics are no `Exception`
            raise PictureRefused("unreadable") from None
    return made


def check_picture(content: bytes, media_type: str) -> Size:
    """The size that the header claims. Raises PictureRefused where it is past the bounds, or no such picture."""
    if len(content) > BYTES_MAX:
        raise PictureRefused("too_large")
    size = _png(content) if media_type == "image/png" else _jpeg(content)
    if size.width <= 0 or size.height <= 0:
        raise PictureRefused("unreadable")
    too_many = size.width * size.height > PIXELS_MAX or max(size.width, size.height) > SIDE_MAX
    if too_many or size.unpacked_bytes > UNPACKED_BYTES_MAX:
        raise PictureRefused("too_many_pixels")
    return size


def _png(content: bytes) -> Size:
    if len(content) < 33 or content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR":
        raise PictureRefused("unreadable")
    width, height, depth, colour = struct.unpack(">IIBB", content[16:26])
    channels = _PNG_CHANNELS.get(colour)
    if channels is None or depth not in (1, 2, 4, 8, 16):
        raise PictureRefused("unreadable")
    return Size(width, height, width * height * channels * max(depth, 8) // 8)


def _jpeg(content: bytes) -> Size:
    """The first frame header; markers are followed by their lengths, so that a thumbnail inside does not count."""
    if content[:2] != b"\xff\xd8":
        raise PictureRefused("unreadable")
    if content.count(b"\xff\xda") > SCANS_MAX:
        raise PictureRefused("too_many_scans")
    at = 2
    while at + 9 < len(content):
        if content[at] != 0xFF:
            break
        marker = content[at + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width, components = struct.unpack(">HHB", content[at + 5 : at + 10])
            return Size(width, height, width * height * components)
        at += 2 + max(2, struct.unpack(">H", content[at + 2 : at + 4])[0])
    raise PictureRefused("unreadable")
