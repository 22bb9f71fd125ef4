"""Seals the change logs of the organizations that were named, in turns, so that a busy one does not keep others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import UUID

import structlog

from app.infra.database import Database
from app.infra.reactions import Announce
from app.infra.seal import seal

LOOK_AGAIN_SECONDS = 0.04
PAUSE_SECONDS = 0.5
log = structlog.get_logger(__name__)


class Sealing:
    """Organizations to seal, each once, oldest wish first."""

    def __init__(self, database: Database, announce: Announce | None = None) -> None:
        """`announce` owes what must react to the sealed changes."""
        self._database = database
        self._announce = announce
        self._wanted: dict[UUID, None] = {}
        self._wake = asyncio.Event()

    def wake(self, organization_ids: Iterable[UUID]) -> None:
        """These organizations have new changes."""
        for organization_id in organization_ids:
            self._wanted.setdefault(organization_id)
        if self._wanted:
            self._wake.set()

    async def serve(self) -> None:
        """Seal until cancelled; a database that does not answer is asked again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted:
                organization_id = next(iter(self._wanted))
                del self._wanted[organization_id]  # before the pass: a wish that comes during it counts
                try:
                    await self._turn(organization_id)
                except Exception as error:
                    log.warning("seal.failed", organization_id=str(organization_id), error=type(error).__name__)
                    self._wanted.setdefault(organization_id)
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _turn(self, organization_id: UUID) -> None:
        done = await seal(self._database, organization_id, announce=self._announce)
        if done.again and done.sealed:
            self.wake([organization_id])
        elif done.again or done.sealed:  # another sealer is at it, or a ring may have been refused meanwhile
            asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self.wake, [organization_id])
