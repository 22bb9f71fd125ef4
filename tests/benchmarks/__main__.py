"""`python -m tests.benchmarks [NAME …]`: run the benchmarks, print our figure, the baseline and the ratio of the same
run, and write them to `bench.json`. Each module of this folder with a coroutine `run()` is one benchmark.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path("bench.json")


def names() -> list[str]:
    """The benchmarks, by module name."""
    folder = str(Path(__file__).parent)
    modules = [module.name for module in pkgutil.iter_modules([folder]) if not module.name.startswith("_")]
    return sorted(name for name in modules if hasattr(importlib.import_module(f"tests.benchmarks.{name}"), "run"))


def main(wanted: list[str]) -> int:
    """Run the named benchmarks, or all."""
    known = names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    results: list[dict[str, Any]] = []
    for name in wanted or known:
        print(f"== {name}", flush=True)
        results += _run(importlib.import_module(f"tests.benchmarks.{name}").run())
    table = Table("measure", "ours", "baseline", "ratio", "unit")
    for row in results:
        table.add_row(row["name"], _text(row["ours"]), _text(row["baseline"]), _text(row["ratio"]), row["unit"])
    Console().print(table)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def _run(work: Coroutine[Any, Any, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """On the event loop that the processes of the service use; what is compared with runs on it, too."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def _text(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:,.3g}" if abs(figure) < 100 else f"{figure:,.0f}"


if __name__ == "__main__":
    sys.exit(main([part for part in sys.argv[1:] if part]))
