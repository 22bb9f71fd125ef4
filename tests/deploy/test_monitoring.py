"""The dashboard and the alerts name metrics that the service has, with labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from app.infra.telemetry import REGISTRY
from tests.installation import ROOT

DASHBOARD = ROOT / "docker" / "grafana" / "duecourse.json"
ALERTS = ROOT / "docker" / "prometheus" / "alerts.yml"
NAME = re.compile(r"duecourse_[a-z_]+")
PROMETHEUS_LABELS = {"le"}


def _expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def _collectors() -> dict[str, Any]:
    return dict(REGISTRY._names_to_collectors)


@pytest.mark.parametrize("expression", list(_expressions()))
def test_metrics_and_labels_exist(expression: str) -> None:
    collectors = _collectors()
    names = NAME.findall(expression)
    assert names
    assert set(names) <= set(collectors), expression
    labels = {label for name in names for label in collectors[name]._labelnames} | PROMETHEUS_LABELS
    used = {part.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for part in group.split(",")}
    used |= set(re.findall(r"[{,]\s*([a-z_]+)\s*(?:=~|!=|=)", expression))
    assert used <= labels, expression


def test_what_matters_is_on_the_dashboard_and_in_the_how_to() -> None:
    shown = {name for expression in _expressions() for name in NAME.findall(expression)}
    explained = set(NAME.findall((ROOT / "docs" / "how-to" / "monitor.md").read_text()))
    gauges = {name for name, found in _collectors().items() if type(found).__name__ == "Gauge"}
    assert gauges <= shown
    assert gauges <= explained


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert taken.isdisjoint(cells), panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
