"""Logs as JSON lines without secrets or personal data, and Prometheus metrics."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

REGISTRY = CollectorRegistry()
REQUESTS = Histogram(
    "duecourse_http_request_seconds",
    "Duration of HTTP requests",
    ("method", "route", "status"),
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
JOBS = Counter("duecourse_jobs_total", "Jobs by kind and outcome", ("kind", "outcome"), registry=REGISTRY)
OLDEST_DUE_JOB_SECONDS = Gauge(
    "duecourse_oldest_due_job_seconds", "Age of the oldest job that is due", registry=REGISTRY
)
EXPIRED_LEASES = Gauge("duecourse_expired_leases", "Leases that ran out and wait for a sweep", registry=REGISTRY)
SWEEPER_SEEN_SECONDS = Gauge(
    "duecourse_sweeper_heartbeat_age_seconds", "Age of the sweeper's sign of life", registry=REGISTRY
)
WORKER_SEEN_SECONDS = Gauge(
    "duecourse_worker_heartbeat_age_seconds", "Age of the youngest sign of life of a worker", registry=REGISTRY
)
DEAD_JOBS = Gauge("duecourse_dead_jobs", "Jobs that gave up and wait for a person", registry=REGISTRY)
UNKNOWN_OUTCOMES = Gauge(
    "duecourse_unknown_outcomes",
    "E-mails and reminders of which nobody knows whether they left; a person decides",
    registry=REGISTRY,
)
JOB_SECONDS = Histogram(
    "duecourse_job_seconds",
    "Duration of jobs",
    ("kind",),
    registry=REGISTRY,
    buckets=(0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300, 1800),
)
_SECRET_KEYS = re.compile(r"secret|password|token|authorization|email|phone|iban|payer_name|remittance", re.I)
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@/\s]+(@)")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def serve_metrics(host: str, port: int | None) -> None:
    """Answer `/metrics` of a process that is no HTTP service, from a thread; without a port nothing listens."""
    if port is not None:
        start_http_server(port, addr=host, registry=REGISTRY)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request; `route` is the template, so that ids do not become labels."""
    REQUESTS.labels(method, route, str(status)).observe(seconds)


def scrub(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take values out of the log whose key names a secret or personal data, and passwords out of URLs."""
    for key, value in event.items():
        if _is_secret(key):
            event[key] = "[removed]"
        elif isinstance(value, str) and "://" in value:
            event[key] = _URL_PASSWORD.sub(r"\1***\2", value)
    return event


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return _SECRET_KEYS.search(key) is not None


class _Stderr:
    """Whatever `sys.stderr` is at the moment of writing: a logger outlives the stream that it was made with."""

    def write(self, text: str) -> int:
        """Write to the present stream."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush the present stream."""
        sys.stderr.flush()


def configure_logs(level: str = "info") -> None:
    """One JSON object a line on stderr; uvicorn's and arq's own records below warning are dropped."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            scrub,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
