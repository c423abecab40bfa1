"""Seals what opens an account at a venue. Whoever has the vault's public key seals; only the private key opens.

Envelope encryption: every set of credentials has a data key of its own, which encrypts each field by AES-256-GCM; the
data key is wrapped for the vault's key by HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM). Changing the vault's key
wraps the data keys anew and touches no field. What is encrypted is bound to client, account, sealing and field, so a
blob that was moved to another row, or brought back from an older one, does not open.

The web process is given the public key alone: what was typed into its form it can never read again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from engine.venues.credentials import FIELDS, Credentials

VERSION = 1
"""Of how things are sealed; stored with each row, so that a later version still reads this one."""
KEY, KEY_FILE = "MM_VAULT_KEY", "MM_VAULT_KEY_FILE"
PUBLIC_KEY, PUBLIC_KEY_FILE = "MM_VAULT_PUBLIC_KEY", "MM_VAULT_PUBLIC_KEY_FILE"

_SECRET, _PUBLIC = "mmvault-secret-", "mmvault-public-"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_NONCE_BYTES = 12


class VaultError(Exception):
    """The vault cannot do this. The message is a sentence with the remedy, and never holds a secret."""


class VaultClosed(VaultError):
    """The key that is needed is not here."""


class SealBroken(VaultError):
    """The blob does not open with the right key: it was changed, or belongs to another row."""


@dataclass(frozen=True, kw_only=True)
class Binding:
    """To what a seal belongs. `serial` is new at every sealing, so that an older blob cannot come back."""

    client_id: int
    account_id: int
    serial: UUID

    def of(self, part: str, version: int) -> bytes:
        """The associated data of one part."""
        return json.dumps(["mm.credentials", version, self.client_id, self.account_id, str(self.serial), part]).encode()


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """Credentials as they are stored: ciphertext, and what is needed to find the key."""

    key_id: str
    version: int
    wrapped_key: bytes
    fields: Mapping[str, str]
    """Nonce and ciphertext of each field, in base64."""


class PublicKey:
    """The half that seals."""

    def __init__(self, key: X25519PublicKey) -> None:
        self._key = key
        self.id = hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]

    def __str__(self) -> str:
        return _PUBLIC + _encoded(self._key.public_bytes_raw())

    def __repr__(self) -> str:
        return f"<vault key {self.id}, public half>"

    @classmethod
    def read(cls, text: str) -> PublicKey:
        """Raises VaultError unless the text is a public key of ours."""
        return cls(X25519PublicKey.from_public_bytes(_decoded(text, _PUBLIC)))

    def seal(self, credentials: Credentials, binding: Binding) -> Sealed:
        data_key = AESGCM.generate_key(bit_length=256)
        texts = {field: getattr(credentials, field) for field in FIELDS}
        return Sealed(
            key_id=self.id,
            version=VERSION,
            wrapped_key=self._wrap(data_key, binding, VERSION),
            fields={
                field: _encrypted(data_key, text, binding.of(field, VERSION)) for field, text in texts.items() if text
            },
        )

    def _wrap(self, data_key: bytes, binding: Binding, version: int) -> bytes:
        return _SUITE.encrypt(data_key, self._key, info=binding.of("data key", version))


class PrivateKey:
    """The half that opens. Nothing prints it; `reveal` writes it down on purpose."""

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @property
    def id(self) -> str:
        return self.public.id

    def __repr__(self) -> str:
        return f"<vault key {self.id}>"

    @classmethod
    def new(cls) -> PrivateKey:
        return cls(X25519PrivateKey.generate())

    @classmethod
    def read(cls, text: str) -> PrivateKey:
        """Raises VaultError unless the text is a private key of ours."""
        return cls(X25519PrivateKey.from_private_bytes(_decoded(text, _SECRET)))

    def reveal(self) -> str:
        """The key as text, for its file."""
        return _SECRET + _encoded(self._key.private_bytes_raw())

    def unwrap(self, sealed: Sealed, binding: Binding) -> bytes:
        if sealed.version != VERSION:
            raise VaultError(f"The credentials were sealed in version {sealed.version}; this one knows {VERSION}.")
        try:
            return _SUITE.decrypt(sealed.wrapped_key, self._key, info=binding.of("data key", sealed.version))
        except (InvalidTag, ValueError):
            raise _broken(binding) from None


class Vault:
    """The private keys at hand: the first is the one in use, the others still open what was sealed before it."""

    def __init__(self, keys: Sequence[PrivateKey]) -> None:
        if not keys:
            raise VaultClosed(f"The vault has no key here: set {KEY_FILE} to its file, or {KEY} to the key itself.")
        self.keys = {key.id: key for key in keys}
        self.current = keys[0]

    def __repr__(self) -> str:
        return f"<vault of {', '.join(self.keys)}>"

    def open(self, sealed: Sealed, binding: Binding) -> Credentials:
        """Raises VaultClosed when the key is not here, SealBroken when the blob does not belong to this row."""
        data_key = self._key_of(sealed).unwrap(sealed, binding)
        try:
            texts = {
                field: _decrypted(data_key, text, binding.of(field, sealed.version))
                for field, text in sealed.fields.items()
                if field in FIELDS
            }
        except (InvalidTag, ValueError):
            raise _broken(binding) from None
        if not {"api_key", "secret"} <= texts.keys():
            raise _broken(binding)
        return Credentials(**texts)

    def rewrap(self, sealed: Sealed, binding: Binding) -> Sealed:
        """The same fields, the data key wrapped for the key in use. Raises as `open` does."""
        data_key = self._key_of(sealed).unwrap(sealed, binding)
        return Sealed(
            key_id=self.current.id,
            version=sealed.version,
            wrapped_key=self.current.public._wrap(data_key, binding, sealed.version),
            fields=sealed.fields,
        )

    def _key_of(self, sealed: Sealed) -> PrivateKey:
        if sealed.key_id not in self.keys:
            raise VaultClosed(
                f"The credentials are sealed under the vault's key {sealed.key_id}, which is not here "
                f"(here is {', '.join(self.keys)}): bring that key back, or enter the credentials again."
            )
        return self.keys[sealed.key_id]


def vault(environment: Mapping[str, str] | None = None) -> Vault:
    """The vault as this process was given it. Read anew each time, so that a new key needs no restart.

    Raises VaultClosed when this process has no key, VaultError when what it has cannot be used.
    """
    environment = os.environ if environment is None else environment
    if text := environment.get(KEY):
        return Vault(_keys(text, KEY))
    path = environment.get(KEY_FILE)
    return Vault(_keys(_private_text(Path(path)), path) if path else ())


def sealing_key(environment: Mapping[str, str] | None = None) -> PublicKey:
    """The key to seal with: the public one this process was given, or that of its private key.

    Raises VaultClosed when it has neither.
    """
    environment = os.environ if environment is None else environment
    text = environment.get(PUBLIC_KEY)
    if not text and (path := environment.get(PUBLIC_KEY_FILE)):
        text = _text(Path(path))
    if text:
        return PublicKey.read(text.strip())
    try:
        return vault(environment).current.public
    except VaultClosed:
        raise VaultClosed(
            f"Credentials cannot be sealed, since the vault has no key: set {PUBLIC_KEY_FILE} or {PUBLIC_KEY} here, "
            f"and {KEY_FILE} for engines and workers. `manage.py vault key` makes one."
        ) from None


def keep(path: Path, keys: Sequence[PrivateKey], public_path: Path | None = None) -> None:
    """Write the keys to their file, the one in use first, readable by its owner alone from its first byte on."""
    _replace(path, "".join(f"{key.reveal()}\n" for key in keys), 0o600)
    if public_path is not None:
        _replace(public_path, f"{keys[0].public}\n", 0o644)


def _keys(text: str, source: str) -> list[PrivateKey]:
    try:
        return [PrivateKey.read(each) for each in text.replace(",", " ").split()]
    except VaultError as error:
        raise VaultError(f"{source}: {error}") from None


def _private_text(path: Path) -> str:
    text = _text(path)
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise VaultError(
            f"{path} holds the vault's key and others may read or write it (mode {stat.S_IMODE(mode):o}); "
            "make it its owner's alone: chmod 600."
        )
    return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise VaultClosed(f"The vault's key cannot be read from {path}: {(error.strerror or '').lower()}.") from None
    except UnicodeDecodeError:
        raise VaultError(f"{path} is not a key of the vault.") from None


def _replace(path: Path, text: str, mode: int) -> None:
    made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    made.replace(path)


def _encrypted(data_key: bytes, text: str, bound_to: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(data_key).encrypt(nonce, text.encode(), bound_to)).decode()


def _decrypted(data_key: bytes, text: str, bound_to: bytes) -> str:
    blob = base64.b64decode(text, validate=True)
    return AESGCM(data_key).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], bound_to).decode()


def _broken(binding: Binding) -> SealBroken:
    return SealBroken(
        f"The sealed credentials of account {binding.account_id} do not open: the record was changed, or comes from "
        "another account. Enter them again."
    )


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str, prefix: str) -> bytes:
    kind = "private" if prefix == _SECRET else "public"
    if not text.startswith(prefix):
        raise VaultError(f"This is not a {kind} key of the vault; one begins with {prefix}.")
    try:
        raw = base64.urlsafe_b64decode(text.removeprefix(prefix) + "=")
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise VaultError(f"This {kind} key of the vault is cut off or was changed.")
    return raw
