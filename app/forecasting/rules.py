"""Pure rules of forecasts: their closed sets, the weeks of a horizon, how long details stay, what is good enough."""

from __future__ import annotations

HORIZON_WEEKS = 13
LAYERS = ("open", "new_business", "total")
GROUPS = ("organization", "currency", "legal_entity", "collector", "segment", "account")
RUN_KINDS = ("nightly", "on_demand", "what_if")
RUN_STATES = ("queued", "running", "done", "failed", "cancelled")
MODEL_STATES = ("candidate", "active", "rejected", "retired")
BASES = ("account", "segment", "organization", "terms")
