"""How a text file is written, found out from its beginning: encoding and delimiter. Pure."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace

from app.integrations.import_mapping import AUTO, TextFormat

HEAD_BYTES = 256 * 1024
DELIMITERS = (",", ";", "\t", "|")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def resolved(form: TextFormat, head: bytes) -> TextFormat:
    """The form with `auto` replaced by what the first bytes of the file (at most HEAD_BYTES) look like."""
    if AUTO not in (form.encoding, form.delimiter):
        return form
    encoding = encoding_of(head) if form.encoding == AUTO else form.encoding
    form = replace(form, encoding=encoding)
    if form.delimiter != AUTO:
        return form
    return replace(form, delimiter=delimiter_of(decoded(head, form.codec)))


def encoding_of(head: bytes) -> str:
    """UTF-16 and UTF-8 by their marks, UTF-8 where the bytes are in order, else the code page of Windows."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def decoded(head: bytes, codec: str) -> str:
    """The first bytes as text; a character that is cut in two at the end is left out."""
    return codecs.getincrementaldecoder(codec)(errors="replace").decode(head)


def delimiter_of(text: str) -> str:
    """What stands most often between the headers, outside of quotes; a comma when there is one column."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    plain = _QUOTED.sub("", line)
    return max(DELIMITERS, key=lambda found: (plain.count(found), -DELIMITERS.index(found)))
