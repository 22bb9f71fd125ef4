"""What the driver raises when its server dies is 503, whichever moment it died at: the caller may ask again."""

from __future__ import annotations

import asyncpg
import pytest

from app.core.errors import Unavailable
from app.infra.constraints import refusal_of


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError('cannot switch to state 12; protocol is in the "failed" state'),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lost_server_is_unavailable(error: Exception) -> None:
    assert isinstance(refusal_of(error), Unavailable)
    wrapped = RuntimeError("by the framework")
    wrapped.__cause__ = error
    assert isinstance(refusal_of(wrapped), Unavailable)


def test_a_fault_of_ours_is_no_refusal() -> None:
    assert refusal_of(ValueError("ours")) is None
