"""How often a caller may ask: requests per minute of one client, and of one organization together.

Each API process counts for itself (nothing is asked over the network for it), so that N processes let N times
as much pass. The count is the generic cell rate algorithm: one instant per caller, bursts up to the
limit, evenly refilled. Headers: draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from app.core.errors import RateLimited

WINDOW_SECONDS = 60
CALLERS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """How a caller stands after this request: the limit, how many requests are left now, seconds until one more."""

    name: str
    limit: int
    remaining: int
    wait_seconds: float

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit-Policy` and `RateLimit`."""
        policy = f'"{self.name}";q={self.limit};w={WINDOW_SECONDS}'
        state = f'"{self.name}";r={self.remaining};t={max(0, round(self.wait_seconds + 0.499))}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]


class RateExceeded(RateLimited):
    """The caller, or its organization, asked more often than it may; see `Retry-After`."""

    code = "rate_limit.exceeded"


@dataclass(slots=True)
class Limiter:
    """Counts requests by key. `per_minute` None: no limit."""

    name: str
    per_minute: int | None
    _full_at: OrderedDict[str, float] = field(default_factory=OrderedDict)  # when the caller's allowance is full again

    def take(self, key: str, now: float) -> Rate | None:
        """Count one request at that instant (any steady clock, in seconds); None without a limit.

        Raises RateExceeded with `retry_after_seconds`; a refused request is not counted.
        """
        if self.per_minute is None:
            return None
        pause = WINDOW_SECONDS / self.per_minute
        full_at = max(self._full_at.pop(key, now), now) + pause
        wait = full_at - now - WINDOW_SECONDS
        if wait > 1e-9:
            self._full_at[key] = full_at - pause
            detail = f"more than {self.per_minute} requests in {WINDOW_SECONDS} seconds by one {self.name}"
            raise RateExceeded(detail, retry_after_seconds=max(1, round(wait + 0.499)))
        self._full_at[key] = full_at
        if len(self._full_at) > CALLERS_MAX:
            self._full_at.popitem(last=False)
        remaining = int((now + WINDOW_SECONDS - full_at) / pause + 1e-6)
        return Rate(self.name, self.per_minute, remaining, 0.0 if remaining else pause)


@dataclass(slots=True)
class Limits:
    """The limits of a process: of a client, and of an organization with all its clients and users."""

    client: Limiter
    organization: Limiter

    @classmethod
    def of(cls, client_per_minute: int | None, organization_per_minute: int | None) -> Limits:
        """From the settings."""
        return cls(Limiter("client", client_per_minute), Limiter("organization", organization_per_minute))

    def take(self, client: str, organization: str, now: float) -> Rate | None:
        """Count a request for both; what is tighter is what the headers tell. Raises RateExceeded."""
        of_client = self.client.take(f"{organization}:{client}", now)
        of_organization = self.organization.take(organization, now)
        if of_client is None or of_organization is None:
            return of_client or of_organization
        return min(of_client, of_organization, key=lambda rate: rate.remaining)
