"""What Dockerfile and compose file promise: no root, no secret, health checks, start order, settings that exist."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from typing import Any

import pytest

from app.settings import Settings
from tests.deploy.dockerfile import compose, ignored, stages
from tests.installation import ROOT

SERVICES = ("migrate", "api", "worker", "sweeper")
_SECRET = re.compile(r"PASSWORD|SECRET|DATABASE_URL|REDIS_URL")


def test_the_last_stage_installs_nothing_and_is_not_root() -> None:
    builder, last = stages()
    assert builder.base == last.base
    assert not re.search(r"apt|(?<!bin/)pip\b.*install|curl|gcc", " ".join(last.values("RUN")))
    assert last.values("USER") == ["10001:10001"]
    assert last.values("EXPOSE") == ["8000"]
    assert last.values("STOPSIGNAL") == ["SIGTERM"]
    assert "/livez" in " ".join(last.health_check())
    assert last.command()[:3] == ["python", "-m", "uvicorn"]


def test_everything_is_installed_from_the_lock_with_hashes() -> None:
    (install,) = [value for value in stages()[0].values("RUN") if "install" in value]
    for option in ("--require-hashes", "--no-deps", "--only-binary :all:", "--no-cache-dir", "requirements.lock"):
        assert option in install


def test_no_secret_is_in_the_image() -> None:
    for stage in stages():
        assert not [name for name in stage.variables() if _SECRET.search(name)]
        assert not stage.values("ARG")


def test_only_the_service_enters_the_build() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    for path in tracked.split():
        wanted = path.startswith(("app/", "workers/", "migrations/")) or path in (
            "requirements.lock", "requirements-bootstrap.lock", "LICENSE", "NOTICE",
        )  # fmt: skip
        assert ignored(path) is not wanted, path
    for path in (".env", ".duecourse/token_secret", ".git/config", ".venv/bin/python", "app/__pycache__/cli.pyc"):
        assert ignored(path), path


def test_every_copy_is_of_something_that_enters_the_build() -> None:
    for value in stages()[0].values("COPY"):
        source = value.split()[0]
        assert (ROOT / source).exists()
        assert not ignored(source)


def test_no_default_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", text)
    secret = {name for name, _ in variables if _SECRET.search(name)}
    assert secret == {
        "POSTGRES_PASSWORD", "POSTGRES_OWNER_PASSWORD", "POSTGRES_SERVICE_PASSWORD", "VALKEY_PASSWORD",
        "DUECOURSE_TOKEN_SECRET",
    }  # fmt: skip
    assert all(rest.startswith(":?") for name, rest in variables if name in secret), "set, and not empty"
    for name, service in compose()["services"].items():
        for variable, value in service.get("environment", {}).items():
            if _SECRET.search(variable):
                assert "${" in value, f"{name}: {variable}"


def test_the_how_to_makes_every_secret() -> None:
    how_to = (ROOT / "docs" / "how-to" / "docker.md").read_text()
    for name in re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()):
        assert f'"{name}"' in how_to


@pytest.mark.parametrize("name", SERVICES)
def test_settings_of_the_services_exist(name: str) -> None:
    known = {
        field.validation_alias if isinstance(field.validation_alias, str) else f"DUECOURSE_{key.upper()}"
        for key, field in Settings.model_fields.items()
    }
    assert set(compose()["services"][name]["environment"]) <= known


def test_health_checks_and_start_order() -> None:
    services: dict[str, Any] = compose()["services"]
    for name, service in services.items():
        if name not in ("api", "migrate"):  # the image's own; runs once
            assert service["healthcheck"]["test"], name
        for needed, condition in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed == "migrate" else "service_healthy"
            assert condition == {"condition": wanted}, (name, needed)
    assert "postgres" in services["migrate"]["depends_on"]
    assert {"migrate", "postgres", "valkey"} <= set(services["api"]["depends_on"])
    assert {"migrate", "api"} <= set(services["worker"]["depends_on"])
    assert {"migrate", "api"} <= set(services["sweeper"]["depends_on"])


def test_commands_name_modules_that_exist() -> None:
    for name in ("worker", "sweeper"):
        program, flag, module = compose()["services"][name]["command"]
        assert (program, flag) == ("python", "-m")
        assert importlib.util.find_spec(module) is not None


def test_nothing_listens_to_the_world_and_volumes_are_declared() -> None:
    found = compose()
    for name, service in found["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in found["volumes"] or (ROOT / source).exists(), volume
    for name in SERVICES:
        assert found["services"][name]["read_only"] is True
        assert found["services"][name]["volumes"] == ["files:/var/lib/duecourse"]
