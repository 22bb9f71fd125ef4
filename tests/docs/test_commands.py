"""The commands and requests of README, tutorial and how-tos, run as they stand, page by page.

One file, so that the service is installed and started once for all of them. `test_every_command.py` finds pages, blocks
and commands that nobody runs.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.integrations.webhooks.rules import Message, new_secret, secret_bytes, signed_headers
from clients.__main__ import node
from tests.docs.conftest import INSTALL, Reader
from tests.docs.console_blocks import blocks
from tests.installation import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
HOW_TO = DOCS / "how-to"
pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="the commands are for bash and curl"
)


def _documents(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def test_the_tour(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(README, tmp_path)
    assert '"kind":"api_client"' in printed
    assert "idempotency-replayed: true" in printed.lower()
    assert "Brandt Maschinenbau GmbH" in printed
    lines = [row for found in _documents(printed) if found.get("group_by") == "account" for row in found["rows"]]
    assert [(row["open_amount"], row["currency"]) for row in lines] == [("450.00", "EUR")]
    assert "\nTrue\n" in printed, "the proof holds"
    assert '"position":1,' in printed, "events are sealed in order"
    assert printed.rstrip().splitlines()[-1].endswith(".over_applied")


def test_a_failing_command_is_noticed(reader: Reader, tmp_path: Path) -> None:
    broken = tmp_path / "BROKEN.md"
    broken.write_text("```sh\ncurl -sS --fail-with-body http://127.0.0.1:8000/v1/legal-entitees\necho on\n```\n")
    with pytest.raises(AssertionError, match="status"):
        reader.paste(broken, tmp_path)


def test_the_tutorial(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(DOCS / "tutorial.md", tmp_path)
    assert printed.startswith("unidentified\n")
    runs = [found for found in _documents(printed) if found.get("trigger") == "person"]
    assert [run["state"] for run in runs] == ["completed", "completed"]
    assert "\n480.00\n" in printed, "what cannot be decided stays unapplied"
    payments = [found for found in _documents(printed) if "remittance_text" in found]
    assert payments[0]["status"] == "applied", "the named invoice is found"
    assert printed.rstrip().endswith("True"), "the proof holds"


def test_an_organization_from_nothing(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "bootstrap-organization.md", tmp_path)
    assert '"kind":"api_client"' in printed
    assert '"name":"ERP interface"' in printed
    assert (tmp_path / "token.txt").read_text().count(".") == 2
    assert "not ok" not in printed


def test_statements_for_the_server(reader: Reader, tmp_path: Path) -> None:
    """The role that an older installation lacks, in a transaction that is taken back; the login for PgBouncer."""
    (block,) = blocks(INSTALL, "sql")
    (paragraph,) = re.findall(r"^An installation made before .*?\n\n", INSTALL.read_text(), re.MULTILINE | re.DOTALL)
    added = "; ".join(re.findall(r"`([A-Z]+ (?:ROLE )?duecourse_[^`]+)`", paragraph))
    assert added.count(";") == 2
    env = reader.environment(tmp_path, **reader.superuser)

    def run(script: str, **more: str) -> str:
        argv = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(argv, input=script, env={**env, **more}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run(f"BEGIN; ALTER ROLE duecourse_scoped RENAME TO duecourse_away; {added}; ROLLBACK;")
    run(block.text)
    ask = "SELECT current_user, current_setting('statement_timeout'), current_setting('jit')"
    said = run(ask, PGUSER="duecourse_api", PGPASSWORD="...", PGDATABASE="duecourse")
    assert said == "duecourse_app|1min|off"


def test_an_import(reader: Reader, tmp_path: Path) -> None:
    document = HOW_TO / "import-from-erp.md"
    (mapping,) = blocks(document, "json mapping")
    (tmp_path / "mapping.json").write_text(mapping.text)
    printed = reader.paste(document, tmp_path)
    tried, loaded, again = (found for found in _documents(printed) if "control_totals" in found)
    for one in (tried, loaded, again):
        assert (one["state"], one["rows_read"], one["rows_refused"]) == ("completed", 4, 1)
    assert (tried["dry_run"], tried["rows_created"]) == (True, 3)
    assert (loaded["dry_run"], loaded["rows_created"]) == (False, 3)
    assert "invoices: completed" in printed, "the command"
    (errors,) = (found["data"] for found in _documents(printed) if "data" in found)
    assert [(error["row_number"], error["code"]) for error in errors] == [(5, "money.amount_invalid")]


def test_a_ledger(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "import-a-ledger.md", tmp_path, COLUMNS="200")
    assert "invoices: completed" in printed
    assert "payments: completed" in printed
    assert (tmp_path / "payments.csv").read_text().splitlines()[1:] == ["900/2026-02-03,2026-02-03,1280.50,USD,900"]


def test_a_bank_statement(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "bank-statements.md", tmp_path)
    found = [one for one in _documents(printed) if "control_totals" in one]
    assert [(one["state"], one["rows_refused"]) for one in found] == [("completed", 0)]
    lists = [one["data"] for one in _documents(printed) if "data" in one]
    statements = next(rows for rows in lists if rows and "continuity" in rows[0])
    entries = next(rows for rows in lists if rows and "outcome" in rows[0])
    assert [(row["balance_check"], row["continuity"]) for row in statements] == [("ok", "first")]
    assert [(row["amount"], row["outcome"]) for row in entries] == [("1250.00", "payment"), ("40.00", "debit")]


def test_a_bank_statement_as_csv(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "csv-bank-statements.md", tmp_path, COLUMNS="200")
    assert printed.count("bank_statement: completed") == 2
    assert json.loads((tmp_path / "definition.json").read_text())["sign"]["credit"] == ["Bij"]


def test_a_close(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "close-a-period.md", tmp_path)
    closes = [one["data"] for one in _documents(printed) if "data" in one][-1]
    assert [close["kind"] for close in closes] == ["close", "reopen"]


def test_the_audit_chain(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "verify-the-audit-chain.md", tmp_path)
    assert "whole" in printed
    assert "BROKEN" not in printed
    heads = [json.loads(line) for line in (tmp_path / "heads.json").read_text().splitlines()]
    assert reader.organization_id in {head["organization_id"] for head in heads}
    assert all(head["first_bad_position"] is None for head in heads)


def test_remittance_files(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "remittance-files.md", tmp_path)
    assert "1 recorded, 0 known already" in printed
    assert "2 lines, totals: agrees" in printed
    assert json.loads(printed[printed.index("{") :])["duplicates"] == 1


def test_electronic_invoices(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "electronic-invoices.md", tmp_path)
    assert "invoice EI-2026-1: created, 1190.00 EUR" in printed
    again = json.loads(printed.splitlines()[-1])
    assert (again["outcome"], again["account_found_by"]) == ("unchanged", ["customer_number", "vat_id"])


def test_dynamics_gp(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "dynamics-gp.md", tmp_path, COLUMNS="200")
    assert printed.count("balances of 1 accounts: agree") == 2
    assert "RM20101 invoices: read up to 2026-03-20T09:30:00.123000Z" in printed
    assert "<taRMCashReceiptInsert>" in printed
    assert "<CUSTNMBR>AARON001</CUSTNMBR>" in printed
    assert '"state":"acknowledged"' in printed


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("sap.md", "sap-BSID-partial"),
        ("dynamics-365-finance.md", "d365-CustSettlement"),
        ("netsuite-and-quickbooks.md", "invoices: completed"),
        ("journal-export.md", "acknowledged"),
    ],
)
def test_other_systems(reader: Reader, tmp_path: Path, document: str, said: str) -> None:
    assert said in reader.paste(HOW_TO / document, tmp_path, COLUMNS="200")


def test_a_webhook(reader: Reader, tmp_path: Path) -> None:
    """The endpoint is made; its secret verifies what the service signs, by the lines of the page."""
    page = HOW_TO / "webhooks.md"
    made = json.loads(reader.paste(page, tmp_path))
    (code,) = blocks(page, "python")
    body = json.dumps(
        {"type": "payment.received", "timestamp": "2026-03-31T09:30:00Z", "data": {"position": 1}}
    ).encode()
    headers = signed_headers([secret_bytes(made["secret"])], Message("evt_1", body), datetime.now(UTC))
    here: dict[str, Any] = {"secret": made["secret"], "body": body, "headers": headers}
    exec(compile(code.text, str(page), "exec"), here)
    assert here["event"]["type"] == "payment.received"
    with pytest.raises(Exception, match="signature"):
        exec(code.text, {**here, "secret": new_secret(b"x" * 24)})


def test_events_in_a_browser(reader: Reader, tmp_path: Path) -> None:
    """The lines of the page under Node.js, with an account that is made meanwhile."""
    page = HOW_TO / "follow-events.md"
    (first,) = reader.send_requests(page, {})
    assert first.headers["content-type"].startswith("text/event-stream")
    (code,) = blocks(page, "js")
    script = tmp_path / "page.mjs"
    script.write_text(f"""
const [base, token] = process.argv.slice(2), last = null, real = globalThis.fetch;
const fetch = async (path, options) => {{
  const found = await real(base + path, options);
  console.log(found.status);
  return found;
}};
let seen = "";
const feed = (chunk) => {{
  seen += chunk;
  if (seen.includes("account.created")) {{ console.log("seen"); process.exit(0); }}
}};
{code.text}
""")
    with subprocess.Popen(
        [node(), script, reader.installation.address, reader.token], stdout=subprocess.PIPE, text=True
    ) as screen:
        assert screen.stdout is not None
        assert screen.stdout.readline().strip() == "200"
        body = json.dumps({"number": f"JS-{uuid4().hex[:8]}", "name": "Lindqvist AB", "currency": "EUR"})
        assert reader.ask("POST", "/v1/accounts", body).status == 201
        assert screen.wait(20) == 0
        assert screen.stdout.read().strip() == "seen"


@pytest.fixture(scope="module")
def debtor(reader: Reader) -> dict[str, str]:
    """An account with an overdue invoice, and a legal case about it."""
    entity = reader.ask("GET", "/v1/legal-entities").json()["data"][0]["id"]
    number = uuid4().hex[:8]
    account = reader.ask(
        "POST", "/v1/accounts", json.dumps({"number": f"D-{number}", "name": "Late & Sons", "currency": "EUR"})
    ).json()["id"]
    due = (datetime.now(UTC).date() - timedelta(days=60)).isoformat()
    invoice = {"number": f"D-{number}", "account_id": account, "legal_entity_id": entity, "currency": "EUR",
               "amount": "900.00", "invoice_date": due, "due_date": due}  # fmt: skip
    assert reader.ask("POST", "/v1/invoices", json.dumps(invoice)).status == 201
    case = {"kind": "legal_case", "account_id": account, "currency": "EUR", "reason_code": "unpaid"}
    made = reader.ask("POST", "/v1/legal-cases", json.dumps(case))
    assert made.status == 201, made.text
    return {"account_id": account, "case_id": made.json()["id"]}


def test_dunning(reader: Reader) -> None:
    def learn(path: str, body: Any) -> dict[str, str]:
        if path != "/v1/dunning/policies":
            return {}
        versions = reader.ask("GET", f"/v1/dunning/policies/{body['id']}/versions").json()["data"]
        return {"policy_id": body["id"], "version_id": versions[0]["id"]}

    made = reader.send_requests(HOW_TO / "dunning.md", {}, learn)
    assert [answer.status for answer in made] == [201, 200, 201]


def test_evidence_insights_and_remittances(reader: Reader, debtor: dict[str, str]) -> None:
    (paper,) = reader.send_requests(HOW_TO / "evidence-file.md", debtor)
    assert paper.headers["content-type"] == "application/pdf"
    shown, table = reader.send_requests(HOW_TO / "monthly-insights.md", {})
    assert shown.json()["month"] == "2026-03"
    assert table.headers["content-type"].startswith("text/csv")
    (advice,) = reader.send_requests(HOW_TO / "remittance-advices.md", {})
    assert advice.json()["totals_check"] == "agrees"


def test_a_call_and_an_erasure(reader: Reader, debtor: dict[str, str]) -> None:
    (action,) = reader.send_requests(HOW_TO / "work-as-a-collector.md", debtor)
    assert action.json()["status"] == "done"
    refused = reader.ask("POST", f"/v1/accounts/{debtor['account_id']}/erase-personal-data",
                         '{"requested_by": "letter", "reason": "asked"}')  # fmt: skip
    assert refused.json()["code"] == "privacy.legal_case_open", "as the page says"
    other = reader.ask(
        "POST", "/v1/accounts", json.dumps({"number": f"E-{uuid4().hex[:8]}", "name": "Ada", "currency": "EUR"})
    )
    (erased,) = reader.send_requests(HOW_TO / "protect-personal-data.md", {"account_id": other.json()["id"]})
    assert erased.json()["requested_by"] == "letter of 3 March"


def test_what_is_watched(reader: Reader) -> None:
    """Every figure of the page comes from the running service; no job is dead."""
    page = HOW_TO / "monitor.md"
    (dead,) = reader.send_requests(HOW_TO / "monitor.md", {})
    assert dead.json()["data"] == []
    shown = reader.ask("GET", "/metrics").text
    named = set(re.findall(r"`(duecourse_[a-z_]+)`", page.read_text()))
    jobs = {"duecourse_jobs_total", "duecourse_job_seconds"}  # of a worker
    assert {name for name in named - jobs if name not in shown} == set()


def test_a_data_scope(reader: Reader) -> None:
    name = f"nora-{uuid4().hex[:8]}"
    user = {"email": f"{name}@acme.example", "display_name": "Nora", "roles": ["collector"]}
    made = reader.ask("POST", "/v1/users", json.dumps(user))
    assert made.status == 201, made.text
    known = {"user_id": made.json()["id"], "If-Match": made.headers["etag"]}
    (changed,) = reader.send_requests(HOW_TO / "limit-what-people-see.md", known)
    assert changed.json()["data_scope"]["own_portfolio"] is True


def test_secrets_for_containers(reader: Reader, tmp_path: Path) -> None:
    reader.paste(HOW_TO / "docker.md", tmp_path)
    lines = (tmp_path / ".env").read_text().splitlines()
    assert len(lines) == 5
    assert all(re.fullmatch(r"[A-Z_]+=[0-9a-f]{64}", line) for line in lines)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_a_key(reader: Reader, tmp_path: Path) -> None:
    """The command for a new key, as two pages give it in a sentence."""
    pages = [HOW_TO / "exchange-keys.md", INSTALL]
    found = {command for page in pages for command in re.findall(r"`(python3 -c '[^`]+')`", page.read_text())}
    (command,) = found
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert len(done.stdout.strip()) >= 32
