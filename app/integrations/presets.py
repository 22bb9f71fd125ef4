"""Mappings that are shipped: extracts of well-known systems by their table and column names.

A caller names a preset and may overrule any part of it: `{"columns": {"segment": "CLASS"}}` adds or changes one column.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from app.core.errors import NotFound

_FOLDER = "app.integrations"


class PresetUnknown(NotFound):
    """No mapping of that name is shipped."""

    code = "import.preset_unknown"


@cache
def presets() -> Mapping[str, Mapping[str, Any]]:
    """Every preset by its name, which is that of its file."""
    folder = files(_FOLDER) / "preset_files"
    found = sorted(item.name for item in folder.iterdir() if item.name.endswith(".json"))
    return {name.removesuffix(".json"): json.loads((folder / name).read_text("utf-8")) for name in found}


def preset(name: str) -> Mapping[str, Any]:
    """The mapping of that name. Raises PresetUnknown."""
    found = presets().get(name)
    if found is None:
        raise PresetUnknown(f"no preset is called {name[:60]!r}; GET /v1/import-presets lists them", pointer="/preset")
    return found


def overruled(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The preset with the caller's parts: objects entry by entry, everything else as a whole."""
    made = dict(base)
    for name, value in own.items():
        if isinstance(value, Mapping) and isinstance(made.get(name), Mapping):
            made[name] = {**made[name], **value}
        else:
            made[name] = value
    return made
