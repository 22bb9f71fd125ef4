"""CSV of reports: see `app.infra.rendering.csv_text`."""

from app.infra.rendering.csv_text import csv_chunks, safe_cell

__all__ = ["csv_chunks", "safe_cell"]
