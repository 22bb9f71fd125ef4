"""Refusals of statements and evidence files."""

from __future__ import annotations

from app.core.errors import NotFound


class EvidenceFileNotFound(NotFound):
    """No such evidence file in this organization."""

    code = "evidence_file.not_found"
