"""How an organization's dunning messages leave: shipped values until somebody changes them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from app.core.errors import RuleViolation
from app.dunning.messages.models import DunningMessageSettings
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.mail.message import check_address
from app.infra.versions import RECORDED_NOW, check_version

PACE_MAX = 60_000


class MessageSettingsInvalid(RuleViolation):
    """A value of the settings is out of its bounds."""

    code = "dunning.message_settings_invalid"


@dataclass(frozen=True, slots=True)
class MessagePreferences:
    """What holds. `messages_per_minute` of None is no bound. Without `reply_to` that of the correspondence holds;
    without `payment_instructions` the legal entity's own bank account is shown.
    """

    messages_per_minute: int | None = 600
    reply_to: str | None = None
    unsubscribe_enabled: bool = True
    opens_recorded: bool = False
    payment_instructions: str | None = None


_NAMES = tuple(field.name for field in fields(MessagePreferences))


_PRESENT = f"""
SELECT version, {", ".join(_NAMES)} FROM dunning_message_settings WHERE organization_id = $1 AND id = $1
"""


async def find_message_preferences(session: ReadSession) -> tuple[MessagePreferences, int]:
    """What holds, and its version (0 where the shipped values hold)."""
    row = await session.driver.fetchrow(_PRESENT, session.organization_id)
    if row is None:
        return MessagePreferences(), 0
    return MessagePreferences(**{name: row[name] for name in _NAMES}), row["version"]


async def update_message_preferences(
    session: WriteSession, new: MessagePreferences, *, expected_version: int | None
) -> None:
    """Store what is to hold from now on. Raises MessageSettingsInvalid, RecipientInvalid, StaleVersion."""
    if new.messages_per_minute is not None and not 1 <= new.messages_per_minute <= PACE_MAX:
        raise MessageSettingsInvalid(f"between 1 and {PACE_MAX}, or none", pointer="/messages_per_minute")
    if new.reply_to is not None:
        check_address(new.reply_to, pointer="/reply_to")
    key = (session.organization_id, session.organization_id)
    row = await session.get(DunningMessageSettings, key, with_for_update=True, populate_existing=True)
    check_version(expected_version, row.version if row else 0)
    before: dict[str, object] | None = None
    if row is None:
        row = DunningMessageSettings(organization_id=key[0], id=key[1], version=0)
        session.add(row)
    else:
        before = {"messages_per_minute": row.messages_per_minute, "unsubscribe_enabled": row.unsubscribe_enabled}
        row.updated_at = RECORDED_NOW
    for name in _NAMES:
        setattr(row, name, getattr(new, name))
    row.version += 1
    await session.flush()
    after = {"messages_per_minute": new.messages_per_minute, "unsubscribe_enabled": new.unsubscribe_enabled}
    record_change(
        session, ChangeRow("dunning_message_settings", row.id, "dunning_message_settings.updated", before, after)
    )
