"""Secrets of others that stand under an earlier key of the installation are encrypted under the present one."""

from __future__ import annotations

import structlog

from app.correspondence.inbound.mailboxes import reseal_password
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext
from app.integrations.webhooks.service import reseal_secrets

NIGHT = "secrets.reseal"
log = structlog.get_logger(__name__)


async def handle_night(job: JobContext) -> None:
    """All secrets of one organization: few, hence one transaction."""
    async with job.database.write(job.organization_id, SYSTEM) as session:
        count = await reseal_secrets(session, job.settings) + await reseal_password(session, job.settings)
    if count:
        log.info("secrets.resealed", organization_id=str(job.organization_id), count=count)
