"""Secrets that the service must be able to read again, encrypted at rest: AES-256-GCM under a key of the settings.

The text is `v1.` and base64 of nonce and ciphertext; what it belongs to is authenticated with it, so that a secret
copied to another row does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
    cipher = _cipher(settings)
    if cipher is None or not sealed.startswith(_VERSION):
        raise SecretUnreadable("no key, or an unknown form")
    try:
        raw = base64.b64decode(sealed.removeprefix(_VERSION), validate=True)
        return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], belongs_to.encode())
    except (binascii.Error, InvalidTag, ValueError):
        raise SecretUnreadable("another key, or damaged") from None


def _cipher(settings: Settings) -> AESGCM | None:
    key = settings.key_of_secrets
    if key is None:
        return None
    return AESGCM(hashlib.sha256(b"duecourse secrets\0" + key.get_secret_value().encode()).digest())
