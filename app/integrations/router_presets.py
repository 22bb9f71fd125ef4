"""HTTP of the shipped mappings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from app.infra.http.fields import resource_response
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.integrations.presets import presets
from app.integrations.schemas import ImportPresetRead, ImportPresetsRead

router = APIRouter(tags=["imports"])


@router.get(
    "/import-presets",
    operation_id="listImportPresets",
    summary="List shipped mappings",
    response_model=ImportPresetsRead,
    responses=problems(),
)
async def list_presets(caller: Annotated[Principal, callers("imports:read")]) -> Response:
    """Extracts of well-known systems by their tables: name one as `preset` of an import."""
    data = [
        ImportPresetRead.model_validate(
            {"name": name, "mapping": found, **{part: found[part] for part in ("title", "about", "kind")}}
        )
        for name, found in presets().items()
    ]
    return resource_response(ImportPresetsRead(data=data))
