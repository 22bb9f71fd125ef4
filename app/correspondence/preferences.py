"""The organization's settings of correspondence: shipped until somebody changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from app.core.errors import RuleViolation
from app.correspondence.contact_rules import CHANNELS, MINUTES_OF_DAY, ContactSettings
from app.correspondence.models import CorrespondenceSettings
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.mail.message import check_address
from app.infra.versions import RECORDED_NOW, check_version

ANSWER_HOURS_MAX = 1_000
RECEIPT_DAYS_MAX = 120
LETTERHEAD_LINES_MAX = 8


class PreferencesInvalid(RuleViolation):
    """A value of the settings is out of its bounds."""

    code = "correspondence.settings_invalid"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What holds. Minutes count from midnight; `answer_hours` are hours of business in which an inquiry is answered;
    receipt of invoices is asked for so many days before they are due, from `receipt_minimum_minor` (in each invoice's
    own currency) on.
    """

    quiet_from_minute: int = 20 * 60
    quiet_to_minute: int = 8 * 60
    quiet_channels: tuple[str, ...] = ("email", "phone", "sms")
    business_days_only: tuple[str, ...] = ("phone", "sms")
    daily_cap: int | None = 3
    weekly_cap: int | None = 7
    consent_needed: tuple[str, ...] = ("sms",)
    opens_minute: int = 9 * 60
    closes_minute: int = 17 * 60
    answer_hours: int = 16
    receipt_enabled: bool = False
    receipt_days_before_due: int = 10
    receipt_minimum_minor: int = 0
    reply_to: str | None = None
    signature: str | None = None
    letterhead: tuple[str, ...] = ()

    def contact(self) -> ContactSettings:
        """The rules of contact."""
        return ContactSettings(
            quiet_from_minute=self.quiet_from_minute,
            quiet_to_minute=self.quiet_to_minute,
            quiet_channels=frozenset(self.quiet_channels),
            business_days_only=frozenset(self.business_days_only),
            daily_cap=self.daily_cap,
            weekly_cap=self.weekly_cap,
            consent_needed=frozenset(self.consent_needed),
        )


_NAMES = tuple(field.name for field in fields(Preferences))


_PRESENT = f"""
SELECT version, {", ".join(_NAMES)} FROM correspondence_settings WHERE organization_id = $1 AND id = $1
"""


async def find_preferences(session: ReadSession) -> tuple[Preferences, int]:
    """What holds, and its version (0 where the shipped ones hold). Asked at each contact: read without the mapper."""
    row = await session.driver.fetchrow(_PRESENT, session.organization_id)
    return (_plain(dict(row)), row["version"]) if row is not None else (Preferences(), 0)


def _read(row: CorrespondenceSettings) -> Preferences:
    return _plain({name: getattr(row, name) for name in _NAMES})


def _plain(row: Mapping[str, Any]) -> Preferences:
    values: dict[str, Any] = {name: row[name] for name in _NAMES}
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return Preferences(**plain)


async def update_preferences(session: WriteSession, new: Preferences, *, expected_version: int | None) -> None:
    """Store what is to hold from now on. Raises PreferencesInvalid, ContactSettingsInvalid, StaleVersion."""
    check_preferences(new)
    key = (session.organization_id, session.organization_id)
    row = await session.get(CorrespondenceSettings, key, with_for_update=True, populate_existing=True)
    check_version(expected_version, row.version if row else 0)
    before: dict[str, object] | None = None
    if row is None:
        row = CorrespondenceSettings(organization_id=key[0], id=key[1], version=0)
        session.add(row)
    else:
        before = _facts(_read(row))
        row.updated_at = RECORDED_NOW
    for name in _NAMES:
        value = getattr(new, name)
        setattr(row, name, list(value) if isinstance(value, tuple) else value)
    row.version += 1
    await session.flush()
    record_change(
        session,
        ChangeRow(
            "correspondence_settings",
            row.id,
            "correspondence_settings.updated",
            before,
            _facts(new),
        ),
    )


def _facts(preferences: Preferences) -> dict[str, object]:
    found = {name: getattr(preferences, name) for name in _NAMES if name not in ("reply_to", "signature", "letterhead")}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def check_preferences(new: Preferences) -> None:
    """Raises PreferencesInvalid, ContactSettingsInvalid, RecipientInvalid."""
    new.contact()
    for name in ("quiet_channels", "business_days_only", "consent_needed"):
        if unknown := set(getattr(new, name)) - set(CHANNELS):
            raise PreferencesInvalid(f"{min(unknown)[:20]!r} is no channel", pointer=f"/{name}")
    if not 0 <= new.opens_minute < new.closes_minute <= MINUTES_OF_DAY:
        raise PreferencesInvalid("business opens before it closes, on the same day", pointer="/opens")
    bounds = (
        ("answer_hours", 1, ANSWER_HOURS_MAX),
        ("receipt_days_before_due", 1, RECEIPT_DAYS_MAX),
    )
    for name, least, most in bounds:
        if not least <= getattr(new, name) <= most:
            raise PreferencesInvalid(f"between {least} and {most}", pointer=f"/{name}")
    if new.receipt_minimum_minor < 0 or len(new.letterhead) > LETTERHEAD_LINES_MAX:
        raise PreferencesInvalid(
            "a minimum is not negative, a letterhead has at most 8 lines",
            pointer="/letterhead",
        )
    if new.reply_to is not None:
        check_address(new.reply_to, pointer="/reply_to")
