"""`python -m app.demo.generator FOLDER`: write the sample company and print what it looks like."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from app.core import money
from app.demo.generator.figures import BUCKETS
from app.demo.generator.generate import DEFAULT_UNTIL, DemoManifest, generate


def _describe(manifest: DemoManifest) -> str:
    lines = [
        f"{manifest.accounts} accounts, documents {manifest.documents}, {manifest.since} to {manifest.until}",
        f"{manifest.transactions} transactions ({manifest.receipts} credits) on {len(manifest.statements)} statements",
        "transactions by category:",
    ]
    for category, count in manifest.categories.items():
        permille = count * 1000 // manifest.transactions
        lines.append(f"  {category:<18}{count:>8}{permille // 10:>5}.{permille % 10} %")
    lines.append(f"open on {manifest.until}, percent by days past due:")
    lines.append("  cur" + "".join(f"{name:>10}" for name in BUCKETS) + f"{'open':>18}{'credits':>16}")
    for currency, row in manifest.aging_minor.items():
        total = sum(row[name] for name in BUCKETS)
        shares = "".join(f"{row[name] * 100 // max(total, 1):>10}" for name in BUCKETS)
        texts = f"{money.to_text(total, currency):>18}{money.to_text(row['credits'], currency):>16}"
        lines.append(f"  {currency}{shares}{texts}")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, write the files, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m app.demo.generator", description="Write a sample company.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--invoices", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=20240101)
    parser.add_argument("--until", type=date.fromisoformat, default=DEFAULT_UNTIL)
    given = parser.parse_args()
    manifest = generate(
        given.folder, seed=given.seed, accounts=given.accounts, invoices=given.invoices, until=given.until
    )
    print(_describe(manifest))


if __name__ == "__main__":
    main()
