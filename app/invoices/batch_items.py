"""Items of a batch over HTTP to commands, and the outcomes of the commands back to the places of their items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from app.core.errors import DomainError
from app.infra.http.fields import ExternalRef
from app.invoices.rules import InvoiceInvalid
from app.invoices.upsert import Upserted

Made = TypeVar("Made", covariant=True)
Outcome = tuple[str, UUID] | DomainError


class Item(Protocol[Made]):
    """A body that becomes a command, or is refused."""

    def command(self) -> Made:
        """The plain command."""


def read_commands(items: Sequence[Item[Made]]) -> tuple[list[Made], list[DomainError | None]]:
    """The commands of the items that can be read, and at each place the refusal, or None where a command stands."""
    commands: list[Made] = []
    places: list[DomainError | None] = []
    for item in items:
        try:
            commands.append(item.command())
            places.append(None)
        except DomainError as refusal:
            places.append(refusal)
    return commands, places


def place_outcomes(places: Sequence[DomainError | None], results: Sequence[Upserted | DomainError]) -> list[Outcome]:
    """One outcome for each item, in order."""
    done = iter(results)
    outcomes: list[Outcome] = []
    for refusal in places:
        result = refusal if refusal is not None else next(done)
        outcomes.append(result if isinstance(result, DomainError) else (result.outcome, result.id))
    return outcomes


def check_reference(given: ExternalRef | None, source: str, external_id: str) -> None:
    """Raise InvoiceInvalid when the body names another document than the path."""
    if given is not None and (given.source, given.id) != (source, external_id):
        raise InvoiceInvalid("the path names another document", pointer="/external_ref")
