"""Property tests: no deadline an example, since a busy machine is slow for reasons that are not the code's."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
