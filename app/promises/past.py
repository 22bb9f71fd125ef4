"""What promises had become by a past day, as known at an instant: from their own rows, and from the log of changes."""

from __future__ import annotations

_LOCAL = "({instant} AT TIME ZONE o.time_zone)::date"
_TOLD = """
    SELECT l.after ->> 'status' AS status, coalesce((l.after ->> 'kept_minor')::bigint, 0) AS kept_minor,
           coalesce(l.effective_date, {local}) AS decided, {local} AS told
    FROM change_log l
    WHERE l.organization_id = $1 AND l.entity_type = 'promise' AND l.entity_id = p.id AND l.after ->> 'status' <> ''
      AND {when}
    ORDER BY l.recorded_at DESC, l.id DESC LIMIT 1
"""


def promises_on_sql(day: str, known_at: str, where: str = "true") -> str:
    """A statement: `id, account_id, collector_id, scope, currency, amount_minor, made_on, promised_date, status,
    kept_minor` of the promises made by `day` and recorded by `known_at` (expressions; null: all); `$1` organization.

    The verdict is the last one that was known. A promise whose verdict came into force after the day was undecided on
    it; then `kept_minor` is what had been counted for it by the end of the day. Money that came back decides a promise
    anew from its first day on; what was told before stands under an earlier `known_at`. `where` narrows the promises
    `p`.
    """
    local = _LOCAL.format(instant="l.recorded_at")
    known = _TOLD.format(local=local, when=f"l.recorded_at <= {known_at} AND p.updated_at > {known_at}")
    then = _TOLD.format(
        local=local, when=f"({known_at}::timestamptz IS NULL OR l.recorded_at <= {known_at}) AND {local} <= {day}"
    )
    decided = f"(x.status IN ('kept', 'cancelled') AND x.decided <= {day} OR x.status = 'broken' AND x.decided < {day})"
    return f"""
SELECT id, account_id, collector_id, scope, currency, amount_minor, made_on, promised_date, kept_minor,
       CASE WHEN decided THEN status WHEN kept_minor > 0 THEN 'partly_kept' ELSE 'open' END AS status
FROM (
    SELECT p.id, p.account_id, p.collector_id, p.scope, p.currency, p.amount_minor, p.made_on, p.promised_date,
           x.status, {decided} AS decided,
           CASE WHEN {decided} OR x.told <= {day} THEN x.kept_minor ELSE coalesce(r.kept_minor, 0) END AS kept_minor
    FROM promises p JOIN organizations o ON o.id = $1
    CROSS JOIN LATERAL (
        SELECT p.status, p.kept_minor,
               coalesce(p.decided_on, {_LOCAL.format(instant="p.decided_at")}) AS decided,
               {_LOCAL.format(instant="p.updated_at")} AS told
        WHERE {known_at}::timestamptz IS NULL OR p.updated_at <= {known_at}
        UNION ALL ({known})
    ) x
    LEFT JOIN LATERAL ({then}) r ON x.told > {day}
    WHERE p.organization_id = $1 AND p.made_on <= {day}
      AND ({known_at}::timestamptz IS NULL OR p.created_at <= {known_at}) AND {where}
) told"""
