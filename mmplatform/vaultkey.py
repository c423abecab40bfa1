"""Which process is given which half of the vault's key, and the key of a desk that keeps its own database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exchanges.vault import KEY, KEY_FILE, PUBLIC_KEY, PUBLIC_KEY_FILE, PrivateKey, keep, sealing_key, vault

OPENING = ("engine", "killer", "worker")
"""The processes that speak to venues. The others get no key that opens anything."""


def furnish(var: Path, environment: Mapping[str, str]) -> tuple[dict[str, str], Path | None]:
    """What to add to the environment, and the file of a key that was just made.

    A desk whose database is elsewhere is given its key by whoever runs it: one made here could open nothing there.
    Raises VaultError when a key is there and cannot be used.
    """
    if environment.get(KEY) or environment.get(KEY_FILE):
        vault(environment)  # so that a wrong one is found now and not when an engine needs it
        return {}, None
    if environment.get("DATABASE_URL"):
        return {}, None
    path, public = var / "vault.key", var / "vault.pub"
    added = {KEY_FILE: str(path), PUBLIC_KEY_FILE: str(public)}
    if not path.exists():
        keep(path, [PrivateKey.new()], public)
        return added, path
    if not public.exists():
        keep(path, list(vault(added).keys.values()), public)
    return added, None


def environment_of(process: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of one process: whoever need not open credentials cannot, and still seals them."""
    if process in OPENING:
        return dict(environment)
    kept = {name: value for name, value in environment.items() if name not in (KEY, KEY_FILE)}
    if (environment.get(KEY) or environment.get(KEY_FILE)) and not (kept.get(PUBLIC_KEY) or kept.get(PUBLIC_KEY_FILE)):
        kept[PUBLIC_KEY] = str(sealing_key(environment))
    return kept
