"""Which handler runs which kind of job. A room's thin module in `workers/` adds its lines here."""

from __future__ import annotations

from app.infra.jobs import Handler
from workers import (
    cash_learning,
    collections,
    correspondence,
    credit,
    dunning,
    dunning_charges,
    dunning_messages,
    forecasting,
    imports,
    mail,
    mailbox,
    matching,
    papers,
    period_balances,
    privacy,
    reactions,
    remittances,
    reports,
    statements,
    webhooks,
)
from workers.nightly import NIGHTLY

HANDLERS: dict[str, Handler] = {
    credit.BULK: credit.bulk,
    dunning_charges.JOB: dunning_charges.handle,
    "dunning.message": dunning_messages.plan,
    "dunning.deliver": dunning_messages.deliver,
    "dunning.lost": dunning_messages.lost,
    "dunning.papers": dunning_messages.papers,
    "collections.assign": collections.handle_assignment,
    "forecasting": forecasting.handle,
    "import": imports.handle,
    "mail.check": mail.check,
    "mail.send": mail.send,
    "mail.wait": mail.wait,
    "matching": matching.handle,
    "number_formats": cash_learning.derive,
    "period_balances": period_balances.handle,
    "remittances": remittances.handle,
    statements.SEND: statements.send,
    reports.RUN: reports.make,
    reports.SCHEDULE: reports.schedule,
    "reaction": reactions.handle,
    "desk.evidence": papers.make_evidence,
    "privacy.files": privacy.delete_files,
    "correspondence.send": correspondence.send,
    "inquiry.clock": correspondence.inquiry_clock,
    "mailbox.poll": mailbox.poll,
    "webhooks.plan": webhooks.plan,
    "webhooks.deliver": webhooks.deliver,
    **dunning.HANDLERS,
    **NIGHTLY,
}
"""`"kind": module.handler`: the kind is the one that the room's service gives to `owe`."""
