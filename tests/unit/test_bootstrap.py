"""The bootstrap hands pip's configuration on to uv."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", Path(__file__).parents[2] / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LISTING = """\
:env:.index-url='https://env.example/simple'
global.cert='/etc/ca.pem'
global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'
global.index-url='https://global.example/simple'
install.find-links='/wheels /more'
list.format='columns'
"""


def test_the_environment_overrides_the_files_of_pip(bootstrap: ModuleType) -> None:
    assert bootstrap.pip_settings(LISTING) == {
        "index-url": "https://env.example/simple",
        "cert": "/etc/ca.pem",
        "extra-index-url": "\nhttps://one.example/simple\nhttps://two.example/simple",
        "find-links": "/wheels /more",
    }


def test_the_order_of_the_listing_does_not_matter(bootstrap: ModuleType) -> None:
    lines = LISTING.splitlines(keepends=True)
    assert bootstrap.pip_settings("".join(reversed(lines))) == bootstrap.pip_settings(LISTING)


def test_uv_gets_the_same_meaning(bootstrap: ModuleType) -> None:
    env = bootstrap.uv_environment(bootstrap.pip_settings(LISTING), {"HOME": "/home/me"})
    assert env["UV_DEFAULT_INDEX"] == "https://env.example/simple"
    assert env["UV_INDEX"] == "https://one.example/simple https://two.example/simple"
    assert env["UV_FIND_LINKS"] == "/wheels,/more"
    assert env["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert env["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert env["HOME"] == "/home/me"


def test_what_the_user_set_for_uv_wins(bootstrap: ModuleType) -> None:
    env = bootstrap.uv_environment({"index-url": "https://pip.example"}, {"UV_DEFAULT_INDEX": "https://uv.example"})
    assert env["UV_DEFAULT_INDEX"] == "https://uv.example"


def test_no_configuration_names_no_index(bootstrap: ModuleType) -> None:
    env = bootstrap.uv_environment({}, {})
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "SSL_CERT_FILE"} & set(env)


def test_lock_files_name_no_host_and_hash_everything() -> None:
    for path in sorted((Path(__file__).parents[2]).glob("requirements*.lock")):
        text = path.read_text()
        assert "://" not in text
        packages = [line for line in text.splitlines() if line and line[0] not in " #"]
        assert packages
        assert all(line.endswith("\\") for line in packages), path
