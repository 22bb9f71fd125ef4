"""Set a PDF with the typesetter, in fonts for the scripts that its texts are written in.

The usual font holds Latin, Greek and Cyrillic letters. Where a text has others (a customer's name in Chinese,
Arabic, Hindi …) fonts for them stand behind it; they are read only then, once for a process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

TEXT_FONT = "Liberation Sans"
FONT_PACKAGES = ("manimgx_fonts", "noto_cjk_sans_otc")
"""Packages that hold nothing but Noto fonts: of the scripts of Africa and Asia, and of Chinese, Japanese and Korean."""
_SCRIPTS = (
    "Arabic", "Armenian", "Georgian", "Hebrew", "Devanagari", "Bengali", "Gujarati", "Gurmukhi", "Kannada", "Malayalam",
    "Oriya", "Sinhala", "Tamil", "Telugu", "Thai", "Lao", "Khmer", "Myanmar", "Ethiopic", "Symbols",
)  # fmt: skip
_OTHER = re.compile("[\u0530-\u1dff\u2e80-\ud7ff\uf900-\ufdff\ufe20-\ufeff\uff00-\uffef\U00010000-\U0010ffff]")
_KANA, _HANGUL = re.compile("[\u3040-\u30ff\u31f0-\u31ff]"), re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")


def typeset(source: bytes, inputs: Mapping[str, str], on: date, *, tagged: bool = True) -> bytes:
    """The PDF of a source whose texts are in `inputs`, dated on a day; the same again gives the same bytes.

    The source may use `others`, a list of fonts to stand behind its own. `tagged`: for screen readers.
    """
    import typst

    families = _families("".join(inputs.values()))
    named = ", ".join(f'"{family}"' for family in families)
    made = typst.compile(
        f"#let others = ({named}{',' if families else ''})\n".encode() + source,
        format="pdf",
        font_paths=fonts_of_all_scripts() if families else fonts(),
        ignore_system_fonts=True,
        sys_inputs={name: text.encode("utf-8", "replace").decode() for name, text in inputs.items()},
        timestamp=int(datetime.combine(on, time(), UTC).timestamp()),
        pdf_tags=tagged,
    )
    assert isinstance(made, bytes)
    return made


def _families(text: str) -> tuple[str, ...]:
    """Fonts behind the usual ones, where the text needs any. Signs that Chinese and others share are drawn as those
    who wrote the text draw them: with kana as in Japan, with hangul as in Korea, else as in China."""
    if _OTHER.search(text) is None:
        return ()
    place = "JP" if _KANA.search(text) else "KR" if _HANGUL.search(text) else "SC"
    return (*(f"Noto Sans {script}" for script in _SCRIPTS), f"Noto Sans CJK {place}", "Noto Emoji")


@lru_cache(maxsize=1)
def fonts() -> Any:
    """The fonts of the typesetter and our own, read once; they do not change, so that threads may share them."""
    import typst

    return typst.Fonts(include_system_fonts=False, font_paths=[Path(__file__).with_name("fonts")])


@lru_cache(maxsize=1)
def fonts_of_all_scripts() -> Any:
    """The usual fonts and those of all other scripts."""
    import typst

    found = [find_spec(package) for package in FONT_PACKAGES]
    folders = [Path(spec.origin).parent for spec in found if spec is not None and spec.origin is not None]
    return typst.Fonts(include_system_fonts=False, font_paths=[Path(__file__).with_name("fonts"), *folders])
