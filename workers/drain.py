"""Run what is due here and now, one after the other, without a worker process: for commands and tests."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from app.infra import job_leases
from app.infra.jobs import Handler
from workers.runner import Services, context_of

DRAIN_BATCH = 50


async def drain(services: Services, handlers: Mapping[str, Handler], *, limit: int = 10_000) -> int:
    """Run due jobs of these kinds, also those that they owe, until none is left; returns how many.

    An error of a handler is not kept back as in a worker: it is raised, and the leases are given back.
    """
    count = 0
    while count < limit:
        leases = await job_leases.claim(services.claims, sorted(handlers), min(DRAIN_BATCH, limit - count))
        if not leases:
            break
        open_leases: dict[UUID, job_leases.Lease] = {lease.token: lease for lease in leases}
        try:
            for lease in leases:
                await handlers[lease.kind](context_of(services, lease))
                await job_leases.finish(services.claims, [open_leases.pop(lease.token)])
                count += 1
        finally:
            if open_leases:
                await job_leases.give_back(services.claims, list(open_leases.values()))
    return count
