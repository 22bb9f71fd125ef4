"""Secrets that the service must be able to read again, encrypted at rest: AES-256-GCM under a key of the settings.

The text is `v1.` and base64 of nonce and ciphertext; what it belongs to is authenticated with it, so that a secret
copied to another row does not open.

A key is exchanged by naming the earlier one beside it (`DUECOURSE_SECRETS_KEY_PREVIOUS`): what it encrypted still
opens, and is encrypted under the new key in the night (`resealed`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from app.settings import Settings

_VERSION = "v1."
_NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """The secret was encrypted under another key, or belongs to something else, or is damaged."""


def seal_secret(settings: Settings, secret: bytes, belongs_to: str) -> str | None:
    """The encrypted text; None when the installation has no key."""
    cipher = _cipher(settings)
    if cipher is None:
        return None
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _VERSION + base64.b64encode(nonce + cipher.encrypt(nonce, secret, belongs_to.encode())).decode()


def open_secret(settings: Settings, sealed: str, belongs_to: str) -> bytes:
    """The secret again. Raises SecretUnreadable."""
    return _opened(settings, sealed, belongs_to)[0]


def resealed(settings: Settings, sealed: str, belongs_to: str) -> str | None:
    """The same secret under the present key; None when it is so already, or cannot be read under any key."""
    try:
        secret, by_present_key = _opened(settings, sealed, belongs_to)
    except SecretUnreadable:
        return None
    return None if by_present_key else seal_secret(settings, secret, belongs_to)


def _opened(settings: Settings, sealed: str, belongs_to: str) -> tuple[bytes, bool]:
    present = settings.key_of_secrets
    if present is None or not sealed.startswith(_VERSION):
        raise SecretUnreadable("no key, or an unknown form")
    try:
        raw = base64.b64decode(sealed.removeprefix(_VERSION), validate=True)
    except (binascii.Error, ValueError):
        raise SecretUnreadable("damaged") from None
    for key in (present, *settings.earlier_keys_of_secrets):
        try:
            found = _cipher_of(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], belongs_to.encode())
        except (InvalidTag, ValueError):
            continue
        return found, key is present
    raise SecretUnreadable("another key, or damaged")


def _cipher(settings: Settings) -> AESGCM | None:
    key = settings.key_of_secrets
    return None if key is None else _cipher_of(key)


def _cipher_of(key: SecretStr) -> AESGCM:
    return AESGCM(hashlib.sha256(b"duecourse secrets\0" + key.get_secret_value().encode()).digest())
