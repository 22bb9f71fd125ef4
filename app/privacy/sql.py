"""SQL that erases personal data: each statement overwrites or deletes one kind of rows and leaves the ledger alone.

`$1` is the organization; `$2` the accounts or the threads of correspondence. Every statement says which rows still hold
something, so that repeating it finds nothing.
"""

from __future__ import annotations

ERASED, ERASING = "(erased)", "(erasing)"
RECORDED = "current_setting('app.recorded_at')::timestamptz"
TOUCH = f"version = version + 1, updated_at = {RECORDED}"
_PERSONAL_FACTS = (
    "'{name,email,phone,note,description,subject,reason,text,comment,recipient,sender,payer_name,"
    "payer_bank_identifier,remittance_text,value,outcome_note,resolution_note,customer_reference}'::text[]"
)

CONTACT_EMAILS = """
SELECT DISTINCT lower(email) AS email FROM contacts
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND email IS NOT NULL
"""
CONTACTS = f"""
UPDATE contacts SET name = NULL, email = NULL, phone = NULL, language = NULL, consents = '{{}}', active = false,
    do_not_contact = true, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
  AND (name IS NOT NULL OR email IS NOT NULL OR phone IS NOT NULL OR active) RETURNING id, account_id
"""
CONTACT_IDS = "SELECT id FROM contacts WHERE organization_id = $1 AND account_id = ANY($2::uuid[])"
EMAILS_TO = f"""
UPDATE outgoing_emails SET recipient = '{ERASED}', subject = '{ERASED}', text = '', html = NULL, reply_to = NULL,
    state = CASE WHEN state = 'planned' THEN 'failed' ELSE state END,
    error = CASE WHEN state = 'planned' THEN 'the recipient was erased' ELSE error END,
    ended_at = CASE WHEN state = 'planned' THEN {RECORDED} ELSE ended_at END, {TOUCH}
WHERE organization_id = $1 AND lower(recipient) = ANY($2::text[]) AND state <> 'sending'
"""
EMAILS_OF_THREADS = EMAILS_TO.replace(
    "lower(recipient) = ANY($2::text[])",
    "id IN (SELECT email_id FROM correspondence_messages WHERE organization_id = $1"
    " AND correspondence_id = ANY($2::uuid[]) AND email_id IS NOT NULL) AND recipient <> '" + ERASED + "'",
)
# A schedule that has nobody left to write to is paused, and says nothing.
REPORT_SCHEDULES = f"""
UPDATE report_schedules s SET recipients = r.recipients, active = s.active AND r.somebody,
    message = CASE WHEN r.somebody THEN s.message END, next_on = CASE WHEN r.somebody THEN s.next_on END,
    next_at = CASE WHEN r.somebody THEN s.next_at END, {TOUCH}
FROM (SELECT id, kept AS recipients, kept <> '{{}}' AS somebody FROM report_schedules, LATERAL (
        SELECT ARRAY(SELECT one FROM unnest(recipients) AS one WHERE lower(one) <> ALL($2::text[])) AS kept) k
      WHERE organization_id = $1) r
WHERE s.organization_id = $1 AND s.id = r.id AND s.recipients <> r.recipients
RETURNING s.id, s.active, cardinality(s.recipients) AS left
"""
REPORT_DELIVERIES = f"""
UPDATE report_deliveries d SET recipients = r.recipients, {TOUCH}
FROM (SELECT id, ARRAY(SELECT one FROM unnest(recipients) AS one WHERE lower(one) <> ALL($2::text[])) AS recipients
      FROM report_deliveries WHERE organization_id = $1 AND recipients <> '{{}}') r
WHERE d.organization_id = $1 AND d.id = r.id AND d.recipients <> r.recipients
"""
REPORTS_OVER = """
SELECT id FROM report_deliveries WHERE organization_id = $1 AND created_at < $2 AND state <> 'preparing'
  AND (recipients <> '{}' OR document_id IS NOT NULL)
"""
# The same file may have gone out again later, as long as nothing had changed: then it stays with that delivery.
FORGET_REPORTS = f"""
WITH old AS (
    SELECT id, document_id, email_ids FROM report_deliveries WHERE organization_id = $1 AND id = ANY($2::uuid[])
), emptied AS (
    UPDATE report_deliveries d SET recipients = '{{}}', document_id = NULL, {TOUCH} FROM old
    WHERE d.organization_id = $1 AND d.id = old.id
), unlinked AS (
    DELETE FROM document_links l USING old WHERE l.organization_id = $1 AND l.subject_kind = 'report_schedule'
      AND l.document_id = old.document_id AND NOT EXISTS (
          SELECT FROM report_deliveries n WHERE n.organization_id = $1 AND n.document_id = l.document_id
          AND n.id <> ALL($2::uuid[]))
)
SELECT coalesce(array_agg(DISTINCT document_id) FILTER (WHERE document_id IS NOT NULL), '{{}}') AS documents,
    coalesce((SELECT array_agg(DISTINCT email) FROM old o, unnest(o.email_ids) AS email), '{{}}') AS emails FROM old
"""
EMAILS_BY_ID = EMAILS_TO.replace(
    "lower(recipient) = ANY($2::text[])", f"id = ANY($2::uuid[]) AND recipient <> '{ERASED}'"
)
THREADS = "SELECT id FROM correspondences WHERE organization_id = $1 AND account_id = ANY($2::uuid[])"
_OF_INVOICES = "SELECT id FROM invoices WHERE organization_id = $1 AND account_id = ANY($2::uuid[])"
_OF_DISPUTES = "SELECT id FROM disputes WHERE organization_id = $1 AND account_id = ANY($2::uuid[])"

OF_ACCOUNTS: dict[str, str] = {
    "postal_addresses": f"""
UPDATE accounts SET street = NULL, address_supplement = NULL, postal_code = NULL, city = NULL, region = NULL, {TOUCH}
WHERE organization_id = $1 AND id = ANY($2::uuid[])
  AND num_nonnulls(street, address_supplement, postal_code, city, region) > 0
""",
    "account_statements": f"""
UPDATE account_statements SET recipient = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND recipient IS NOT NULL
""",
    "dunning_message_contents": f"""
UPDATE dunning_message_contents c
SET subject = '{ERASED}', text = '', html = NULL, letter = '{{}}', unsubscribe_url = NULL
FROM dunning_messages m WHERE m.organization_id = $1 AND m.account_id = ANY($2::uuid[])
  AND c.organization_id = $1 AND c.id = m.id AND c.subject <> '{ERASED}'
""",
    "dunning_message_events": """
UPDATE dunning_message_events e SET detail = NULL
FROM dunning_messages m WHERE m.organization_id = $1 AND m.account_id = ANY($2::uuid[])
  AND e.organization_id = $1 AND e.message_id = m.id AND e.detail IS NOT NULL
""",
    "dunning_messages": f"""
UPDATE dunning_messages SET recipient = NULL, cc = '{{}}', error = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
  AND (recipient IS NOT NULL OR cc <> '{{}}' OR error IS NOT NULL)
""",
    "payer_identities": "DELETE FROM payer_identities WHERE organization_id = $1 AND account_id = ANY($2::uuid[])",
    "lessons": """
DELETE FROM lessons WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND kind <> 'number_format'
""",
    "bank_entries": """
UPDATE bank_entries SET counterparty_name = NULL, counterparty_identifier = NULL, details = '{}'
WHERE organization_id = $1
  AND payment_id IN (SELECT id FROM payments WHERE organization_id = $1 AND account_id = ANY($2::uuid[]))
  AND (counterparty_name IS NOT NULL OR counterparty_identifier IS NOT NULL OR details <> '{}')
""",
    "payments": f"""
UPDATE payments SET payer_name = NULL, payer_bank_identifier = NULL, remittance_text = NULL, remittance = '{{}}',
    {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND (payer_name IS NOT NULL
    OR payer_bank_identifier IS NOT NULL OR remittance_text IS NOT NULL OR remittance <> '{{}}')
""",
    "remittance_advices": f"""
UPDATE remittance_advices SET payer_name = NULL, payer_bank_identifier = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
  AND (payer_name IS NOT NULL OR payer_bank_identifier IS NOT NULL)
""",
    "inquiries": f"""
UPDATE inquiries SET subject = '{ERASED}', question = '', answer = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND subject <> '{ERASED}'
""",
    "meetings": f"""
UPDATE meetings SET title = '{ERASED}', location = NULL, description = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND title <> '{ERASED}'
""",
    "collection_actions": f"""
UPDATE collection_actions SET subject = '{ERASED}', note = NULL, outcome_note = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
  AND (subject <> '{ERASED}' OR note IS NOT NULL OR outcome_note IS NOT NULL)
""",
    "dunning_notices": f"""
UPDATE dunning_notices SET reason_note = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND reason_note IS NOT NULL
""",
    "dunning_blocks": f"""
UPDATE dunning_blocks SET note = NULL, lift_reason = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND num_nonnulls(note, lift_reason) > 0
""",
    "promises": f"""
UPDATE promises SET note = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND note IS NOT NULL
""",
    "payment_plans": f"""
UPDATE payment_plans SET note = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND note IS NOT NULL
""",
    "escalations": f"""
UPDATE escalations SET note = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND note IS NOT NULL
""",
    "credit_remarks": f"""
UPDATE credit_remarks SET body = '{ERASED}'
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND body <> '{ERASED}'
""",
    "legal_cases": f"""
UPDATE legal_cases SET note = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND note IS NOT NULL
""",
    "dispute_comments": f"""
UPDATE dispute_comments SET text = '{ERASED}'
WHERE organization_id = $1 AND dispute_id IN ({_OF_DISPUTES}) AND text <> '{ERASED}'
""",
    "disputes": f"""
UPDATE disputes SET description = NULL, customer_reference = NULL, resolution_note = NULL, {TOUCH}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
  AND (description IS NOT NULL OR customer_reference IS NOT NULL OR resolution_note IS NOT NULL)
""",
    "invoice_delivery_events": f"""
UPDATE invoice_delivery_events SET recipient = NULL, note = NULL
WHERE organization_id = $1 AND invoice_id IN ({_OF_INVOICES}) AND (recipient IS NOT NULL OR note IS NOT NULL)
""",
    "timeline_entries": f"""
UPDATE timeline_entries SET reason = NULL, before = before - {_PERSONAL_FACTS}, after = after - {_PERSONAL_FACTS}
WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
  AND (reason IS NOT NULL OR before ?| {_PERSONAL_FACTS} OR after ?| {_PERSONAL_FACTS})
""",
}
"""Kind of rows → statement over accounts, in the order in which they run."""

ACCOUNT_NAMES = f"""
UPDATE accounts SET name = '{ERASED} ' || number, legal_name = NULL, {TOUCH}
WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND name <> '{ERASED} ' || number
"""
OF_THREADS: dict[str, str] = {
    "outgoing_emails": EMAILS_OF_THREADS,
    "correspondence_attachments": f"""
UPDATE correspondence_attachments SET name = '{ERASED}'
WHERE organization_id = $1 AND name <> '{ERASED}' AND message_id IN (
    SELECT id FROM correspondence_messages WHERE organization_id = $1 AND correspondence_id = ANY($2::uuid[]))
""",
    "correspondence_messages": f"""
UPDATE correspondence_messages SET sender = NULL, recipient = NULL, subject = '{ERASED}', body = '',
    bounce_detail = NULL, author = CASE direction WHEN 'in' THEN '{ERASED}' ELSE author END, {TOUCH}
WHERE organization_id = $1 AND correspondence_id = ANY($2::uuid[]) AND subject <> '{ERASED}'
""",
    "correspondences": f"""
UPDATE correspondences SET subject = '{ERASED}', unread = false, {TOUCH}
WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND subject <> '{ERASED}'
""",
}
"""Kind of rows → statement over threads of correspondence."""

DOCUMENTS_OF_THREADS = """
SELECT document_id AS id FROM correspondence_messages
WHERE organization_id = $1 AND correspondence_id = ANY($2::uuid[]) AND document_id IS NOT NULL
UNION
SELECT t.document_id FROM correspondence_messages m
JOIN correspondence_attachments t ON t.organization_id = $1 AND t.message_id = m.id AND t.document_id IS NOT NULL
WHERE m.organization_id = $1 AND m.correspondence_id = ANY($2::uuid[])
UNION
SELECT document_id FROM document_links
WHERE organization_id = $1 AND subject_kind = 'correspondence' AND subject_id = ANY($2::uuid[])
"""
DOCUMENTS_OF_ACCOUNTS = """
SELECT l.document_id AS id FROM legal_cases c
JOIN document_links l ON l.organization_id = $1 AND l.subject_kind = 'legal_case' AND l.subject_id = c.id
    AND l.category = 'evidence'
WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[])
UNION
SELECT l.document_id FROM inquiries q
JOIN document_links l ON l.organization_id = $1 AND l.subject_kind = 'inquiry' AND l.subject_id = q.id
WHERE q.organization_id = $1 AND q.account_id = ANY($2::uuid[])
UNION
SELECT document_id FROM dunning_messages
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND document_id IS NOT NULL
"""
# Links by which a document belongs to what was erased; $3: the threads, accounts' cases and inquiries.
UNLINK = """
DELETE FROM document_links l WHERE l.organization_id = $1 AND l.document_id = ANY($2::uuid[]) AND (
    l.subject_kind = 'correspondence' AND l.subject_id = ANY($3::uuid[])
    OR l.subject_kind = 'legal_case' AND l.category = 'evidence' AND l.subject_id IN (
        SELECT id FROM legal_cases WHERE organization_id = $1 AND account_id = ANY($4::uuid[]))
    OR l.subject_kind = 'inquiry' AND l.subject_id IN (
        SELECT id FROM inquiries WHERE organization_id = $1 AND account_id = ANY($4::uuid[]))
    OR l.subject_kind = 'dunning_notice' AND l.subject_id IN (
        SELECT notice_id FROM dunning_messages WHERE organization_id = $1 AND account_id = ANY($4::uuid[])))
"""
# A document that something else still needs stays: another record, another customer's thread.
FREE_DOCUMENTS = f"""
UPDATE documents d SET name = '{ERASING}'
WHERE d.organization_id = $1 AND d.id = ANY($2::uuid[]) AND d.name NOT IN ('{ERASING}', '{ERASED}')
  AND NOT EXISTS (SELECT FROM document_links l WHERE l.organization_id = $1 AND l.document_id = d.id)
  AND NOT EXISTS (SELECT FROM correspondence_messages m WHERE m.organization_id = $1 AND m.document_id = d.id
                  AND m.subject <> '{ERASED}')
RETURNING d.id
"""
# Documents whose bytes are to go. What was stored again meanwhile, or as an import's file, stays.
WITHOUT_USE = f"""
SELECT d.id, d.sha256, d.kept_in,
    EXISTS (SELECT FROM document_links l WHERE l.organization_id = $1 AND l.document_id = d.id)
    OR EXISTS (SELECT FROM stored_files f WHERE f.organization_id = $1 AND f.sha256 = d.sha256) AS needed
FROM documents d WHERE d.organization_id = $1 AND d.name = '{ERASING}' ORDER BY d.id LIMIT $2
"""
BYTES_GONE = "UPDATE documents SET name = $3 WHERE organization_id = $1 AND id = ANY($2::uuid[])"
"""`$3`: what they are called now."""
OPEN_CASES = """
SELECT number FROM legal_cases WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
AND status IN ('prepared', 'referred', 'in_progress') ORDER BY number LIMIT 20
"""
