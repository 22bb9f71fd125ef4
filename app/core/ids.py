"""Identifiers: UUIDv7 (RFC 9562), time-ordered so that indexes stay dense; one NewType for each record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NewType
from uuid import UUID

from uuid_utils import uuid7 as _native_uuid7
from uuid_utils.compat import uuid7

OrganizationId = NewType("OrganizationId", UUID)
LegalEntityId = NewType("LegalEntityId", UUID)
BankAccountId = NewType("BankAccountId", UUID)
UserId = NewType("UserId", UUID)
ApiClientId = NewType("ApiClientId", UUID)
AccountId = NewType("AccountId", UUID)
PaymentTermsId = NewType("PaymentTermsId", UUID)
InvoiceId = NewType("InvoiceId", UUID)
InstalmentId = NewType("InstalmentId", UUID)
CreditMemoId = NewType("CreditMemoId", UUID)
AdjustmentId = NewType("AdjustmentId", UUID)
PaymentId = NewType("PaymentId", UUID)
ApplicationId = NewType("ApplicationId", UUID)
ImportId = NewType("ImportId", UUID)
JobId = NewType("JobId", UUID)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> UUID:
    """A fresh UUIDv7; two calls of one process never go backwards."""
    return uuid7()


def ids_to_send(count: int) -> list[Any]:
    """So many fresh UUIDv7, in order, as only the database driver takes them: ten times cheaper than `new_id`."""
    return [_native_uuid7() for _ in range(count)]


def lowest_id_at(instant: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond: the bound of a time partition keyed by id.

    Raises TypeError for a naive datetime, ValueError for an instant before 1970.
    """
    milliseconds = (instant - _EPOCH) // timedelta(milliseconds=1)
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (0b10 << 62))
