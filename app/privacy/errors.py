"""Refusals of privacy."""

from __future__ import annotations

from app.core.errors import Conflict


class LegalCaseOpen(Conflict):
    """A legal case or agency placement of the account is open: its evidence would be destroyed."""

    code = "privacy.legal_case_open"
