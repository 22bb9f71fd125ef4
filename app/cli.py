"""The `duecourse` command: set up organizations and clients, run, migrate, check. Heavy imports are done on use.

Commands talk to `DATABASE_URL`; without it, to the embedded server of a service that runs on `DUECOURSE_DATA_DIR`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import typer
from pydantic import SecretStr, ValidationError

from app.core.errors import DomainError
from app.settings import Settings

if TYPE_CHECKING:
    from app.infra.database import Database

Result = TypeVar("Result")
app = typer.Typer(
    name="duecourse",
    help="Accounts receivable and collections.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
organization_app = typer.Typer(help="Organizations (tenants).", no_args_is_help=True)
client_app = typer.Typer(help="API clients and their secrets.", no_args_is_help=True)
audit_app = typer.Typer(help="The sealed change log.", no_args_is_help=True)
benchmark_app = typer.Typer(help="Measure the engines on labelled data.", no_args_is_help=True)
app.add_typer(organization_app, name="organization")
app.add_typer(client_app, name="client")
app.add_typer(audit_app, name="audit")
app.add_typer(benchmark_app, name="benchmark")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


@organization_app.command("create")
def create_organization(
    name: Annotated[str, typer.Option(help="Name of the organization.")],
    time_zone: Annotated[str, typer.Option(help="IANA time zone; it decides what today is.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code of the base currency.")],
    country: Annotated[str | None, typer.Option(help="ISO 3166 code for the business calendar.")] = None,
    legal_entity: Annotated[str, typer.Option(help="Code of the first legal entity.")] = "main",
    sandbox: Annotated[bool, typer.Option(help="Mark it as a place to try things out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create an organization with its first legal entity."""
    from app.organizations.service import NewOrganization, create_organization

    new = NewOrganization(name, time_zone, country, currency, legal_entity_code=legal_entity, sandbox=sandbox)

    async def work(database: Database) -> tuple[UUID, UUID]:
        return await create_organization(database, new)

    organization_id, legal_entity_id = _with_database(work)
    _print({"organization_id": organization_id, "legal_entity_id": legal_entity_id}, as_json)


@client_app.command("create")
def create_client(
    organization: Annotated[UUID, typer.Option(help="Id of the organization.")],
    name: Annotated[str, typer.Option(help="Name of the program.")],
    role: Annotated[list[str] | None, typer.Option(help="A role; may be given several times.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="A single scope; may be given several times.")] = None,
    lifetime: Annotated[int, typer.Option(help="Seconds that its tokens are valid.", min=60, max=86_400)] = 3600,
    as_json: AsJson = False,
) -> None:
    """Create an API client. Its secret is printed once and kept nowhere."""
    from app.infra.database import SYSTEM
    from app.organizations import queries
    from app.organizations.access import NewApiClient, client_id_of, create_api_client

    new = NewApiClient(name, role or [], scope or [], lifetime)

    async def work(database: Database) -> tuple[str, str]:
        async with database.write(organization, SYSTEM) as session:
            await queries.get_organization(session)
            row, secret = await create_api_client(session, new, granted_by=None)
        return client_id_of(row), secret.text

    client_id, secret = _with_database(work)
    _print({"client_id": client_id, "client_secret": secret}, as_json)


@app.command()
def token(
    client: Annotated[str, typer.Option(help="Client id, as `duecourse client create` printed it.")],
    lifetime: Annotated[int, typer.Option(help="Seconds until it ends.", min=60, max=31_536_000)] = 3600,
) -> None:
    """Print an access token of an API client, for a pasted curl."""
    from app.core.clock import utc_now
    from app.organizations.rules import parse_client_id
    from app.organizations.tokens import Grant, TokenKey, TokenSettingsInvalid

    found = parse_client_id(client)
    if found is None:
        _fail("a client id is two groups of 32 hexadecimal digits with a dot between")
    try:
        key = TokenKey(_settings())
    except TokenSettingsInvalid as error:
        _fail(str(error))
    grant = Grant(UUID(found.organization_hex), "api_client", UUID(found.client_hex))
    typer.echo(key.issue(grant, utc_now(), lifetime))


@app.command()
def run() -> None:
    """Run the service: API, worker and sweeper, with embedded servers where no URL names yours."""
    # Becomes the supervisor instead of calling it: signals and exit status are then its own.
    os.execv(sys.executable, [sys.executable, "-m", "app.supervisor"])  # noqa: S606 - no shell, a fixed program


@app.command()
def migrate() -> None:
    """Bring the database to the newest migration (as its owner)."""
    from app.infra.migrate import migrate as run_migrations

    settings = _settings()
    assert settings.owner_url is not None
    _run(run_migrations(settings.owner_url))
    typer.echo("the database is at the newest migration")


@app.command()
def doctor() -> None:
    """Check settings, database, migrations, row-level security, Redis and the workers' signs of life."""
    from app.infra.doctor import examine

    try:
        settings = _settings()
    except typer.Exit:
        typer.echo("hint: set DATABASE_URL, or start the service with: duecourse run", err=True)
        raise
    findings = _run(examine(settings))
    from rich.console import Console
    from rich.table import Table

    table = Table("check", "", "finding", box=None)
    for finding in findings:
        table.add_row(finding.check, "[green]ok[/]" if finding.ok else "[red]not ok[/]", finding.text)
    Console().print(table)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV, NDJSON or bank file.", exists=True, dir_okay=False)],
    kind: Annotated[str | None, typer.Option(help="accounts, invoices, e_invoice …; a preset says it.")] = None,
    token: Annotated[str, typer.Option(envvar="DUECOURSE_TOKEN", help="Access token of the caller.")] = "",
    mapping: Annotated[Path | None, typer.Option(help="Mapping file (JSON).", exists=True, dir_okay=False)] = None,
    preset: Annotated[str | None, typer.Option(help="A shipped mapping, such as gp-RM20101-documents.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="name=value; may be given several times.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the service answers; on this machine when left out.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Check everything, write nothing.")] = False,
    guess: Annotated[bool, typer.Option("--guess", help="Load nothing: propose a mapping, with reasons.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load a file into a running service, and wait. Exit status 1 when it failed, 2 when rows were refused."""
    if guess:
        from rich.console import Console

        from app.integrations.guess_command import propose

        raise typer.Exit(propose(file, kind=kind, as_json=as_json, out=Console(), err=Console(stderr=True)))
    from app.integrations.import_command import import_file as load

    settings = Settings()
    address = url or settings.public_url or f"http://127.0.0.1:{settings.port}"
    status = load(
        file,
        kind=kind,
        base_url=address,
        token=token,
        mapping=mapping,
        preset=preset,
        options=option or (),
        dry_run=dry_run,
        as_json=as_json,
    )
    raise typer.Exit(status)


@app.command("import-extract")
def import_extract(
    folder: Annotated[Path, typer.Argument(help="Folder with one file for each table.", exists=True, file_okay=False)],
    system: Annotated[str, typer.Option(help="gp, gp-open-only, sap or d365.")] = "gp",
    token: Annotated[str, typer.Option(envvar="DUECOURSE_TOKEN", help="Access token of the caller.")] = "",
    option: Annotated[list[str] | None, typer.Option(help="name=value; may be given several times.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the service answers; on this machine when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Load the tables of an extract in their order. Exit status 2 when rows were refused or balances differ."""
    from app.integrations.extract_command import import_extract as load

    settings = Settings()
    address = url or settings.public_url or f"http://127.0.0.1:{settings.port}"
    status = load(folder, system=system, base_url=address, token=token, options=option or (), as_json=as_json)
    raise typer.Exit(status)


@audit_app.command("verify")
def verify(
    organization: Annotated[UUID | None, typer.Option(help="One organization; all of them when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute the hash chain of the change log. Exit status 1 when a position does not fit."""
    from app.infra.seal import verify_chain

    async def work(database: Database) -> list[dict[str, Any]]:
        ids = [organization] if organization is not None else await _organization_ids()
        found = []
        for organization_id in ids:
            async with database.read(organization_id, snapshot=True) as session:
                result = await verify_chain(session)
            found.append(
                {
                    "organization_id": str(organization_id),
                    "sealed": result.sealed,
                    "unsealed_tail": result.unsealed_tail,
                    "first_bad_position": result.first_bad_position,
                    "head_sha256": result.head_sha256.hex(),
                    "erased": result.erased,
                    "erasures": result.erasures,
                }
            )
        return found

    results = _with_database(work)
    for result in results:
        if as_json:
            typer.echo(json.dumps(result))
        else:
            bad = result["first_bad_position"]
            verdict = "whole" if bad is None else f"BROKEN at position {bad}"
            typer.echo(
                f"{result['organization_id']}  {verdict}  sealed {result['sealed']}"
                f"  not yet sealed {result['unsealed_tail']}  erased {result['erased']}  head {result['head_sha256']}"
            )
    raise typer.Exit(1 if any(result["first_bad_position"] is not None for result in results) else 0)


@benchmark_app.command("matching")
def benchmark_matching(
    path: Annotated[Path, typer.Argument(help="A labelled folder, or a ledger with paid dates as CSV.")],
    as_json: AsJson = False,
) -> None:
    """Measure the matching engine: shares, precision of automatic answers, seconds a payment."""
    from app.cash_application.benchmark import main as measure

    raise typer.Exit(measure([str(path), *(["--json"] if as_json else [])]))


@app.command()
def backtest(
    path: Annotated[Path, typer.Argument(help="CSV with the columns invoice, cust, issue, due, paid, amount.")],
    evaluate_from: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Score only what was issued from this day on; default: the second half."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forecast a ledger's past as it would have been forecast then, and compare with what came in."""
    from rich.console import Console

    from app.forecasting.backtest import run as measure
    from app.forecasting.backtest_report import show

    progress = Console(stderr=True, quiet=as_json)
    try:
        with progress.status("reading") as status:
            figures = measure(path, evaluate_from.date() if evaluate_from else None, status.update)
    except DomainError as error:
        _fail(error.detail)
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        show(figures, Console())


@app.command()
def demo() -> None:
    """Load the sample company into the running service, through the same imports that users have."""
    settings = _settings()
    for name, secret in (("DATABASE_URL", settings.database_url), ("DUECOURSE_TOKEN_SECRET", settings.token_secret)):
        if secret is not None:
            os.environ.setdefault(name, secret.get_secret_value())
    from app.demo.load import main as load

    raise typer.Exit(load())


async def _organization_ids() -> list[UUID]:
    from app.infra.connection import WORKER_ROLE

    async with _database(_settings(), WORKER_ROLE) as database, database.across() as driver:
        rows = await driver.fetch("SELECT id FROM organizations ORDER BY id")
    return [row["id"] for row in rows]


def _settings() -> Settings:
    """The settings, with the address and token secret of the running embedded server where none are set."""
    try:
        settings = Settings()
    except ValidationError as error:
        _fail(f"the settings are not valid: {error}")
    if settings.database_url is None:
        url = _embedded_url(settings.data_dir)
        if url is None:
            _fail("DATABASE_URL is not set, and no embedded server runs here; start one with: duecourse run")
        settings.database_url = SecretStr(url)
        secret = settings.data_dir / "token_secret"
        if settings.token_secret is None and secret.exists():
            settings.token_secret = SecretStr(secret.read_text().strip())
    return settings


def _embedded_url(data_dir: Path) -> str | None:
    """The URL of the embedded server that runs on this folder: its lock file names the socket's folder."""
    from urllib.parse import quote

    try:
        lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
        password = (data_dir / "postgres_password").read_text().strip()
        port, folder = lines[3], lines[4]
    except (OSError, IndexError):
        return None
    return f"postgresql://duecourse:{quote(password)}@/duecourse?host={quote(folder)}&port={port}"


@asynccontextmanager
async def _database(settings: Settings, role: str) -> AsyncIterator[Database]:
    from app.infra.connection import database_settings
    from app.infra.database import Database

    database = Database.connect(database_settings(settings, role=role, pool_size=1))
    try:
        yield database
    finally:
        await database.close()


def _with_database(work: Any) -> Any:
    from app.infra.connection import APP_ROLE

    async def go() -> Any:
        async with _database(_settings(), APP_ROLE) as database:
            return await work(database)

    return _run(go())


def _run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end; a refusal is one line on stderr and exit status 1."""
    from app.infra.constraints import refusal_of

    try:
        return asyncio.run(coroutine)
    except DomainError as error:
        _fail(error.detail)
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        _fail(refusal.detail)


def _print(facts: dict[str, Any], as_json: bool) -> None:
    plain = {name: str(value) for name, value in facts.items()}
    typer.echo(json.dumps(plain) if as_json else "\n".join(f"{name:<16} {value}" for name, value in plain.items()))


def _fail(text: str) -> NoReturn:
    typer.echo(f"error: {text}", err=True)
    raise typer.Exit(1)


def main() -> None:
    """Entry point of the `duecourse` command."""
    app(prog_name="duecourse")


if __name__ == "__main__":
    main()
