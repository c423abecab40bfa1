"""Only those of ccxt's modules that are used: its packages import all 104 venues twice, 100 MB and half a second of it,
six where Python may not keep bytecode.

Puts packages of its own in the places of `ccxt`, `ccxt.async_support` and `ccxt.pro`, over the same files: what is
asked of them is imported then. Where somebody has imported the library already, it stays as it is.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from threading import Lock
from types import ModuleType
from typing import Any

PACKAGES = ("ccxt", "ccxt.async_support", "ccxt.pro")


class _Narrow(ModuleType):
    """A package whose members are imported when they are asked for. As in the original, the name of a venue is its
    class, not its module."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "exchanges":
            from engine.venues.ccxt.library import streaming_ids, venue_ids

            return sorted(streaming_ids() if self.__name__ == "ccxt.pro" else venue_ids())
        try:
            import_module(f"{self.__name__}.{name}")
        except ModuleNotFoundError as error:
            raise AttributeError(f"{self.__name__} has no {name}") from error
        return self.__dict__[name]

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds a module to its package so.
        member = getattr(value, name, None) if isinstance(value, ModuleType) else None
        super().__setattr__(name, member if isinstance(member, type) else value)


_ONE_AT_A_TIME = Lock()


def narrow() -> None:
    """Make the library's packages narrow, unless it has been imported. Safe to repeat, and from several threads."""
    with _ONE_AT_A_TIME:
        if "ccxt" not in sys.modules:
            _narrow()


def _narrow() -> None:
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(name)
        package = module_from_spec(spec)
        package.__class__ = _Narrow
        sys.modules[name] = package
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, package)
    root, rest = sys.modules["ccxt"], sys.modules["ccxt.async_support"]
    for source in ("ccxt.base.errors", "ccxt.base.decimal_to_precision"):
        found = import_module(source)
        for name in found.__all__:
            setattr(root, name, getattr(found, name))
    for name in ("Exchange", "BaseExchange"):
        setattr(root, name, getattr(import_module("ccxt.base.exchange"), name))
    for name in ("Exchange", "BaseExchange"):
        setattr(rest, name, getattr(import_module("ccxt.async_support.base.exchange"), name))
