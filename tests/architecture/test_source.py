"""Habits of the source that no linter knows: one place that commits, one clock, no float near money, bounded sizes."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from copy import copy
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOMS, ROOT, Function, Module, modules_in, service_modules

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
ROOM_LINES_MAX = 4_000
TOO_LONG: dict[str, str] = {
    "tests/integration/test_payments.py": "one table of stories over the same fixtures",
}
"""Files past the bound, each with the reason."""
FUNCTIONS_TOO_LONG: dict[str, str] = {}
"""`file:function` past the bound, each with the reason."""
ROOMS_TOO_LARGE: dict[str, str] = {
    "forecasting": "the model is a pure package of its own inside the room",
    "correspondence": "e-mails that come in, and what follows (inquiries, meetings, receipt), are packages inside",
    "dunning": "policies, late charges, messages and comparisons are packages of their own inside the room",
    "collections": "who works on what (assignment, cover, targets, playbooks) is a package of its own inside the room",
    "credit": "checks, holds and scores; the credit file and the reviews are packages of their own inside the room",
    "cash_application": "the matching engine is a pure package of its own inside the room",
    "invoices": "three kinds of documents, each also upserted from its source; their SQL is a package of its own",
    "reports": "key figures, performance, work, output and schedules are packages of their own inside the room",
    "integrations": "the bank formats are a pure package of its own inside the room: one parser a format",
}
"""Rooms past the bound, each with the reason. Then each package inside, and the rest, keeps to the bound."""
PARTS_TOO_LARGE = {
    "app/invoices": "invoices, credit memos and adjustments, each also upserted from its source",
    "app/cash_application": "the runner of long runs, learning and its judge, settings, and the benchmark command",
    "app/cash_application/matching": "one pure engine: strategies, readings of text and sums side by side",
    "app/integrations": "two pipelines that share loader, upload and control totals: row files and bank statements",
}
"""Packages past the bound, each with the reason."""
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

TRANSACTIONS = {
    "app/infra/database.py": "the one place: a request or a job step is one transaction",
    "app/infra/migrate.py": "migrations run outside the service, as the owner",
    "workers/housekeeping.py": "makes partitions as the owner, no row of a tenant",
}
"""Files that begin or end transactions, each with the reason."""

CLOCKS = {
    "app/core/clock.py": "the clock itself",
    "app/infra/migrate.py": "an entry point: names partitions and revisions by the month and minute",
    "app/organizations/tokens.py": "the expiry of a token is compared with the time it was checked",
    "workers/housekeeping.py": "an entry point: makes the partitions of the coming months",
}
"""Files that read the wall clock, each with the reason."""

FLOATS_NEAR_MONEY = {
    "app/cash_application/matching": "confidence: logarithms of odds, never an amount",
    "app/cash_application/benchmark": "shares, confidences and probabilities of benchmarks",
    "app/cash_application/facts.py": "thresholds of confidence",
    "app/cash_application/policy.py": "thresholds of confidence",
    "app/cash_application/review/schemas.py": "confidence of a proposal",
    "app/forecasting/making/calculation.py": "probabilities beside amounts; what is expected is rounded once",
    "app/forecasting/making/judging.py": "errors of past forecasts: shares and days, never an amount",
    "app/forecasting/making/orders.py": "rates as factors of a simulation, which works in one currency",
    "app/forecasting/making/perform.py": "the same factors",
    "app/reports/schemas_cash_application.py": "match rates, precision and calibration: shares, never an amount",
    "app/cash_application/schemas.py": "confidence and rates of a run",
    "app/infra/http/health.py": "seconds since a sign of life",
    "app/forecasting/model": "expectations and quantiles of sums; each becomes money by a named rounding at the edge",
    "app/forecasting/backtest": "errors, shares and widths of forecasts of the past, never booked",
}
"""Files or folders in which a float stands near an amount but holds none, each with the reason."""
MONEY = re.compile(r"amount|minor\b|_minor|money|balance|price|discount|exchange_rate|currency", re.IGNORECASE)
FLOAT_SQL = re.compile(r"::\s*(?:float[48]?|real|double precision)\b|\bfloat[48]\b|\bdouble precision\b", re.IGNORECASE)
FLOAT_COLUMNS = {"Float", "REAL", "FLOAT", "DOUBLE_PRECISION", "Double", "DOUBLE"}


def _source() -> tuple[Module, ...]:
    return service_modules()


def _calls(tree: ast.AST) -> Iterable[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _texts(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def ends_transactions(tree: ast.AST) -> list[str]:
    """Calls and SQL by which code begins or ends a transaction of its own."""
    found = [
        name
        for name, _ in _calls(tree)
        if re.search(r"\.(commit|begin|begin_nested|rollback|transaction)$", name) and "_taker" not in name
    ]
    return found + [
        text for text in _texts(tree) if re.match(r"\s*(BEGIN|COMMIT|ROLLBACK|START TRANSACTION)\b(?! TO)", text)
    ]


def test_only_the_database_module_begins_and_commits() -> None:
    found = {module.path: ends_transactions(module.tree) for module in _source()}
    assert {path: calls for path, calls in found.items() if calls and path not in TRANSACTIONS} == {}
    assert {path for path in TRANSACTIONS if not found[path]} == set(), "an exception that is not needed"


def reads_clock(tree: ast.AST) -> list[str]:
    """Calls that read the wall clock."""
    clocks = r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|localtime|gmtime))$"
    return [name for name, _ in _calls(tree) if re.search(clocks, name)]


def test_only_the_clock_and_entry_points_read_the_time() -> None:
    found = {module.path: reads_clock(module.tree) for module in _source()}
    assert {path: calls for path, calls in found.items() if calls and path not in CLOCKS} == {}
    assert {path for path in CLOCKS if not found[path]} == set(), "an exception that is not needed"


def test_rules_and_services_take_the_time_as_an_argument() -> None:
    """`utc_now` is for routers and workers, and for the platform below them."""
    faults = [
        module.path
        for module in _source()
        if module.room is not None
        and "router" not in module.stem.split("_")
        and module.path not in CLOCKS
        and any(name.endswith("utc_now") for name, _ in _calls(module.tree))
    ]
    assert faults == []


def floats_near_money(module: Module) -> list[str]:
    """Functions, class bodies and SQL texts that use a float and speak of money."""
    found = [
        name
        for name, body in [*module.functions(), *(("(module)", part) for part in _outside_functions(module.tree))]
        if _uses_float(body) and MONEY.search(" ".join(_names(body)))
    ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in FLOAT_COLUMNS:
                found.append(f"{name} column")
    return found + [text for text in _texts(module.tree) if FLOAT_SQL.search(text) and MONEY.search(text)]


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _outside_functions(node: ast.AST) -> list[ast.stmt]:
    """Constants and classes, without the functions in them. Copies statements only, and leaves the tree alone."""
    found = []
    for statement in getattr(node, "body", ()):
        if not isinstance(statement, _FUNCTIONS):
            kept = copy(statement)
            if isinstance(kept, ast.ClassDef):
                kept.body = _outside_functions(statement)
            found.append(kept)
    return found


def _uses_float(node: ast.AST) -> bool:
    """A float constant, the type's name, or a division that is not one of decimals (or of paths)."""
    decimals = {"Decimal", "to_decimal", "Path"} & set(_names(node))
    return any(
        (isinstance(part, ast.Constant) and isinstance(part.value, float))
        or (isinstance(part, ast.Name) and part.id == "float")
        or (isinstance(part, ast.BinOp | ast.AugAssign) and isinstance(part.op, ast.Div) and not decimals)
        for part in ast.walk(node)
    )


def _names(node: ast.AST) -> Iterable[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.arg | ast.keyword) and part.arg:
            yield part.arg


def test_no_float_is_near_money() -> None:
    faults = {module.path: floats_near_money(module) for module in _source()}
    allowed = tuple(FLOATS_NEAR_MONEY)
    assert {path: names for path, names in faults.items() if names and not path.startswith(allowed)} == {}


def test_matching_computes_amounts_without_floats() -> None:
    """Inside the matching engine a float may stand beside an amount, but never be made into one."""
    faults = []
    for module in _source():
        if not module.path.startswith("app/cash_application/matching"):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                named = " ".join(ast.unparse(target) for target in targets)
                annotation = ast.unparse(node.annotation) if isinstance(node, ast.AnnAssign) else ""
                if "_minor" in named and (_uses_float(node.value) or "float" in annotation):
                    faults.append((module.path, node.lineno, ast.unparse(node)))
            if isinstance(node, ast.arg) and "minor" in node.arg and node.annotation is not None:
                faults += [(module.path, node.lineno, node.arg)] * ("float" in ast.unparse(node.annotation))
    assert faults == []


def _length(function: Function) -> int:
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return (function.end_lineno or first) - first + 1


def test_files_are_short() -> None:
    modules = [*_source(), *modules_in(ROOT, "tests"), Module("bootstrap.py", (ROOT / "bootstrap.py").read_text())]
    long = {module.path: module.lines for module in modules if module.lines > FILE_LINES_MAX}
    assert {path: lines for path, lines in long.items() if path not in TOO_LONG} == {}
    assert {path for path in set(TOO_LONG) - set(long) if not path.startswith("tests/")} == set()


def test_functions_are_short() -> None:
    long = {
        f"{module.path}:{name}": _length(function)
        for module in _source()
        for name, function in module.functions()
        if _length(function) > FUNCTION_LINES_MAX
    }
    assert {name: lines for name, lines in long.items() if name not in FUNCTIONS_TOO_LONG} == {}
    assert set(FUNCTIONS_TOO_LONG) - set(long) == set(), "an exception that is not needed"


def test_rooms_are_small() -> None:
    sizes: dict[str, int] = {}
    parts: dict[str, int] = {}
    for module in _source():
        if module.room is not None:
            sizes[module.room] = sizes.get(module.room, 0) + module.lines
            folder = module.path.rsplit("/", 1)[0]
            parts[folder] = parts.get(folder, 0) + module.lines
    large = {room: lines for room, lines in sizes.items() if lines > ROOM_LINES_MAX}
    assert {room: lines for room, lines in large.items() if room not in ROOMS_TOO_LARGE} == {}
    large_parts = {folder: lines for folder, lines in parts.items() if lines > ROOM_LINES_MAX}
    assert {folder: lines for folder, lines in large_parts.items() if folder not in PARTS_TOO_LARGE} == {}
    assert set(ROOMS_TOO_LARGE) - set(large) == set(), "an exception that is not needed"


def test_names_say_what_a_file_is() -> None:
    modules = [*_source(), *modules_in(ROOT, "tests", "migrations")]
    vague = [module.path for module in modules if VAGUE_NAMES & {*module.path[:-3].split("/"), *module.stem.split("_")}]
    assert vague == []
    folders = {path.name for path in (ROOT / "app").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= {"core", "infra", "demo", *ROOMS}, "a folder of app/ is a room, or the ground they stand on"


def test_texts_name_no_path_of_a_machine() -> None:
    faults = []
    home = re.compile(r"(?<![\w./-])/(?:work|home/\w|root|Users)/\w")
    for module in [*_source(), *modules_in(ROOT, "tests", "migrations")]:
        if module.path.startswith("tests/architecture/"):
            continue
        faults += [(module.path, text[:80]) for text in _texts(module.tree) if home.search(text)]
    assert faults == []


def test_lock_files_name_no_host_and_pin_by_hash() -> None:
    locks = sorted([*ROOT.glob("*.lock"), *(ROOT / "clients").glob("*.lock")])
    assert len(locks) >= 5
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert re.search(r"https?://|file://|^-[-i]|\s--index|/work/|/home/", text, re.MULTILINE) is None, lock.name
        pins = re.findall(
            r"^[a-zA-Z0-9][\w.\-]*(?:\[[^\]]*\])?==[^\s]+.*\\\n(?:    --hash=sha256:[0-9a-f]{64})", text, re.MULTILINE
        )
        packages = re.findall(r"^[a-zA-Z0-9]", text, re.MULTILINE)
        assert len(pins) == len(packages) > 0, lock.name


def test_the_lock_file_of_npm_names_no_host_and_pins_by_hash() -> None:
    text = (ROOT / "clients" / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text
    packages = {name: facts for name, facts in json.loads(text)["packages"].items() if name}
    assert packages
    assert [name for name, facts in packages.items() if not facts.get("integrity", "").startswith("sha512-")] == []


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (ends_transactions, "async def f(session):\n    await session.commit()"),
        (ends_transactions, "async def f(driver):\n    await driver.execute('COMMIT')"),
        (reads_clock, "def f():\n    return datetime.now(UTC)"),
        (reads_clock, "def f():\n    return datetime.date.today()"),
    ],
)
def test_the_checks_bite(check: object, text: str) -> None:
    assert check(ast.parse(text))  # type: ignore[operator]


@pytest.mark.parametrize(
    "text",
    [
        "def f(amount_minor):\n    return float(amount_minor)",
        "def f(invoice):\n    return invoice.amount_minor * 0.02",
        "def f(amount_minor, n):\n    return amount_minor / n",
        "class Invoice:\n    amount = mapped_column(Float)",
        "SQL = 'SELECT amount_minor::float8 FROM invoices'",
    ],
)
def test_the_float_check_bites(text: str) -> None:
    assert floats_near_money(Module("app/invoices/planted.py", text))


def test_paths_are_relative_to_the_checkout() -> None:
    assert Path(_source()[0].path).parts[0] == "app"
