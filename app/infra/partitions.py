"""Monthly partitions of tables keyed by UUIDv7: a month is a range of ids, because the id begins with its time."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, text

from app.core.ids import lowest_id_at

PARTITIONED_TABLES = ("change_log",)
MONTHS_AHEAD = 3


def month_start(year: int, month: int, offset: int) -> datetime:
    """The first instant (UTC) of the month `offset` months after the given one."""
    index = year * 12 + (month - 1) + offset
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def ensure_partitions(connection: Connection, now: datetime) -> None:
    """Create the partitions of this month and the next three, where they are missing.

    Rows outside every month (a clock far off) go to the default partition. A month that the default partition
    already holds rows of is left there: nothing fails.
    """
    for table in PARTITIONED_TABLES:
        if connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is None:
            continue  # an older revision, or a database still empty
        connection.execute(text(f'CREATE TABLE IF NOT EXISTS "{table}_default" PARTITION OF "{table}" DEFAULT'))
        for offset in range(MONTHS_AHEAD + 1):
            start = month_start(now.year, now.month, offset)
            end = month_start(now.year, now.month, offset + 1)
            low, high = lowest_id_at(start), lowest_id_at(end)
            name = f"{table}_p{start:%Y%m}"
            if connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}) is not None:
                continue
            held = connection.scalar(
                text(f'SELECT EXISTS (SELECT 1 FROM "{table}_default" WHERE id >= :low AND id < :high)'),
                {"low": low, "high": high},
            )
            if not held:
                connection.execute(
                    text(f"CREATE TABLE \"{name}\" PARTITION OF \"{table}\" FOR VALUES FROM ('{low}') TO ('{high}')")
                )
