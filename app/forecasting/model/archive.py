"""A model as bytes: a compressed archive of arrays and one JSON text. Nothing in it is code, nothing is unpickled."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.calibration import KINDS, LAYERS, SPANS, Calibration
from app.forecasting.model.effects import Effects
from app.forecasting.model.features import FEATURES
from app.forecasting.model.history import AGE_BINS, LATE_BINS
from app.forecasting.model.late import GROUPS, LateOdds
from app.forecasting.model.learning import Learned
from app.forecasting.model.priors import TERMS_CLASSES, Priors
from app.forecasting.model.simulation import Dependence
from app.forecasting.model.trees import Trees

FORMAT = "duecourse-forecast-4"
BYTES_MAX = 256 * 1024 * 1024
"""Bound of the unpacked arrays, so that a small archive cannot fill the memory."""

Arrays = dict[str, NDArray[Any]]


def pack(learned: Learned, calibration: Calibration, head: dict[str, Any]) -> bytes:
    """The archive. `head` is kept as JSON."""
    arrays: Arrays = {
        "nodes": learned.trees.nodes,
        "ends": learned.trees.ends,
        "prior_late": learned.priors.late,
        "prior_age": learned.priors.age,
        "run_weekday": learned.priors.run_weekday,
        "class_late": learned.priors.class_late,
        "segment_events": learned.priors.segment_events,
        "kept_by_account": learned.effects.kept_by_account,
        "levels": calibration.levels,
        "scales": calibration.scales,
        "late": calibration.late.numbers,
    }
    dependence = calibration.dependence
    text = {
        "format": FORMAT,
        "head": head,
        "features": list(FEATURES),
        "intercept": learned.trees.intercept,
        "slack": learned.trees.slack,
        "amount": [learned.priors.amount_mean, learned.priors.amount_spread],
        "events": learned.priors.events,
        "leaning": [learned.priors.own_weight, learned.priors.own_reach],
        "effects": [learned.effects.dispute, learned.effects.legal, learned.effects.kept],
        "holidays": sorted(day.isoformat() for day in learned.holidays),
        "dependence": [dependence.organization, dependence.payer, dependence.run, dependence.level],
        "ranks": calibration.ranks,
        "cells": calibration.cells,
        "late_events": calibration.late.events,
    }
    arrays["text"] = np.frombuffer(json.dumps(text, sort_keys=True).encode(), np.uint8)
    target = io.BytesIO()
    np.savez_compressed(target, **arrays)  # type: ignore[arg-type]
    return target.getvalue()


def unpack(data: bytes) -> tuple[Learned, Calibration, dict[str, Any]]:
    """Reads an archive. ValueError when it is damaged, of another format, or of another release of the trees."""
    try:
        arrays, text = _read(data)
        if text["format"] != FORMAT or tuple(text["features"]) != FEATURES:
            raise ValueError("the model was written by another release")
        return _learned(arrays, text), _calibration(arrays, text), dict(text["head"])
    except (KeyError, TypeError, IndexError, OSError, EOFError, zipfile.BadZipFile, RuntimeError) as error:
        raise ValueError("the model is damaged") from error


def _read(data: bytes) -> tuple[Arrays, dict[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(part.file_size for part in archive.infolist()) > BYTES_MAX:
            raise ValueError("the model is larger than any that is written")
    with np.load(io.BytesIO(data), allow_pickle=False) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    return arrays, json.loads(arrays.pop("text").tobytes().decode())


def _shaped(arrays: Arrays, name: str, *shape: int | None) -> NDArray[Any]:
    found = arrays[name]
    if found.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, found.shape, strict=True)):
        raise ValueError("the model is damaged")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise ValueError("the model is damaged")
    return found


def _learned(arrays: Arrays, text: dict[str, Any]) -> Learned:
    trees = Trees(
        _shaped(arrays, "nodes", None),
        _shaped(arrays, "ends", None),
        float(text["intercept"]),
        float(text["slack"]),
        len(FEATURES),
    ).checked()
    late = _shaped(arrays, "prior_late", None, TERMS_CLASSES, LATE_BINS)
    mean, spread = text["amount"]
    priors = Priors(
        late=late,
        age=_shaped(arrays, "prior_age", len(late), TERMS_CLASSES, AGE_BINS),
        run_weekday=_shaped(arrays, "run_weekday", 7),
        class_late=_shaped(arrays, "class_late", None),
        amount_mean=float(mean),
        amount_spread=float(spread),
        segment_events=_shaped(arrays, "segment_events", len(late)),
        events=int(text["events"]),
        own_weight=float(text["leaning"][0]),
        own_reach=min(max(int(text["leaning"][1]), 0), 7),
    )
    dispute, legal, kept = text["effects"]
    effects = Effects(float(dispute), float(legal), float(kept), _shaped(arrays, "kept_by_account", None))
    return Learned(trees, priors, effects, frozenset(date.fromisoformat(day) for day in text["holidays"]))


def _calibration(arrays: Arrays, text: dict[str, Any]) -> Calibration:
    return Calibration(
        levels=_shaped(arrays, "levels", KINDS, 2),
        dependence=Dependence(*(float(value) for value in text["dependence"])),
        scales=_shaped(arrays, "scales", len(LAYERS), len(SPANS), 2),
        late=LateOdds(_shaped(arrays, "late", GROUPS, 3), int(text["late_events"])),
        ranks=int(text["ranks"]),
        cells=int(text["cells"]),
    )
