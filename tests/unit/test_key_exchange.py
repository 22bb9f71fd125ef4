"""The installation's keys are exchanged without a break: tokens and secrets of before are still read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from app.core.ids import new_id
from app.infra.sealed_secrets import SecretUnreadable, open_secret, resealed, seal_secret
from app.organizations.tokens import Grant, TokenInvalid, TokenKey
from app.settings import Settings

OLD, NEW = SecretStr("o" * 48), SecretStr("n" * 48)
OWNER = "endpoint 1"


def _sealed(settings: Settings) -> str:
    found = seal_secret(settings, b"whsec", OWNER)
    assert found is not None
    return found


def test_a_token_of_the_earlier_secret_is_read_while_that_is_named() -> None:
    grant = Grant(new_id(), "api_client", new_id())
    token = TokenKey(Settings(token_secret=OLD)).issue(grant, datetime.now(UTC), 60)
    assert TokenKey(Settings(token_secret=NEW, token_secret_previous=OLD)).read(token)[0] == grant
    with pytest.raises(TokenInvalid):
        TokenKey(Settings(token_secret=NEW)).read(token)
    fresh = TokenKey(Settings(token_secret=NEW, token_secret_previous=OLD)).issue(grant, datetime.now(UTC), 60)
    with pytest.raises(TokenInvalid):
        TokenKey(Settings(token_secret=OLD)).read(fresh)


@pytest.mark.parametrize(
    ("before", "between", "after"),
    [
        ({"secrets_key": OLD}, {"secrets_key": NEW, "secrets_key_previous": OLD}, {"secrets_key": NEW}),
        ({"token_secret": OLD}, {"token_secret": NEW, "token_secret_previous": OLD}, {"token_secret": NEW}),
        ({"token_secret": OLD}, {"token_secret": OLD, "secrets_key": NEW}, {"secrets_key": NEW}),
    ],
)
def test_a_secret_outlives_the_exchange_of_its_key(
    before: dict[str, SecretStr], between: dict[str, SecretStr], after: dict[str, SecretStr]
) -> None:
    sealed = _sealed(Settings(**before))  # type: ignore[arg-type]
    exchanging, exchanged = Settings(**between), Settings(**after)  # type: ignore[arg-type]
    assert open_secret(exchanging, sealed, OWNER) == b"whsec"
    with pytest.raises(SecretUnreadable):
        open_secret(exchanged, sealed, OWNER)
    again = resealed(exchanging, sealed, OWNER)
    assert again is not None
    assert open_secret(exchanged, again, OWNER) == b"whsec"
    assert resealed(exchanging, again, OWNER) is None, "once is enough"


@pytest.mark.parametrize("sealed", ["", "v1.", "v1.AAAA", "v1.!", "v2.AAAA"])
def test_what_cannot_be_read_stays_as_it_is(sealed: str) -> None:
    settings = Settings(secrets_key=NEW, secrets_key_previous=OLD)
    assert resealed(settings, sealed, OWNER) is None
    with pytest.raises(SecretUnreadable):
        open_secret(settings, sealed, OWNER)


def test_a_secret_of_something_else_is_not_sealed_anew() -> None:
    assert (
        resealed(Settings(secrets_key=NEW, secrets_key_previous=OLD), _sealed(Settings(secrets_key=OLD)), "x") is None
    )
