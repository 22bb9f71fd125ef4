"""Links to copies of invoices: only ours, only for a time, only to what they were made for."""

from __future__ import annotations

from datetime import date, timedelta

from app.core.ids import new_id
from app.dunning.messages.copy_links import LINK_DAYS, TOKEN_LENGTH, copy_token, read_copy_token

DAY = date(2026, 3, 9)
ORGANIZATION, DOCUMENT = new_id(), new_id()


def test_a_link_leads_where_it_was_made_for_until_its_last_day() -> None:
    token = copy_token("secret", ORGANIZATION, DOCUMENT, DAY)
    assert len(token) == TOKEN_LENGTH
    for day in (DAY, DAY + timedelta(days=LINK_DAYS)):
        found = read_copy_token(["secret"], token, day)
        assert found is not None
        assert (found.organization_id, found.document_id) == (ORGANIZATION, DOCUMENT)
    assert read_copy_token(["secret"], token, DAY + timedelta(days=LINK_DAYS + 1)) is None


def test_a_changed_secret_leaves_links_of_the_previous_one_open() -> None:
    token = copy_token("old", ORGANIZATION, DOCUMENT, DAY)
    assert read_copy_token(["new", "old"], token, DAY) is not None
    assert read_copy_token(["new"], token, DAY) is None
    assert read_copy_token([], token, DAY) is None


def test_no_letter_of_a_link_can_be_changed() -> None:
    token = copy_token("secret", ORGANIZATION, DOCUMENT, DAY)
    for place in range(TOKEN_LENGTH - 1):
        other = "A" if token[place] != "A" else "B"
        assert read_copy_token(["secret"], token[:place] + other + token[place + 1 :], DAY) is None
    for damaged in ("", "x", token[:-4], token + "AAAA", "ä" * TOKEN_LENGTH):
        assert read_copy_token(["secret"], damaged, DAY) is None
