"""The source as trees: modules of the service with their names, lines, functions and imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "workers")
ROOMS = (
    "organizations", "documents", "exports", "ledger", "accounts", "invoices", "payments", "disputes", "remittances",
    "cash_application", "promises", "credit", "customer_data", "correspondence", "collections", "statements",
    "dunning", "reports", "forecasting", "desk",
    "integrations", "privacy",
)  # fmt: skip
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: str  # from the root of the checkout
    text: str

    @property
    def name(self) -> str:
        """Its dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return Path(self.path).stem

    @property
    def room(self) -> str | None:
        """The room that it stands in."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "app" and parts[1] in ROOMS else None

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, self.path)

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.text.count("\n")

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Every function and method with its qualified name."""
        yield from _functions(self.tree, "")

    def imports(self) -> set[str]:
        """Absolute names of what it imports, anywhere in the file; `from a import b` gives both `a` and `a.b`."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        return found


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def modules_in(root: Path, *folders: str) -> list[Module]:
    """Every Python file below these folders."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return [Module(str(path.relative_to(root)), path.read_text(encoding="utf-8")) for path in paths]


@lru_cache(maxsize=1)
def service_modules() -> tuple[Module, ...]:
    """Every file of the service itself."""
    return tuple(modules_in(ROOT, *PACKAGES))
