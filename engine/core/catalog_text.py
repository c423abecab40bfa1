"""The catalog in a terminal: `./mm engine --catalog` lists it, with an id behind it shows one component."""

from __future__ import annotations

from textwrap import fill, indent

from engine.core.catalog import (
    Catalog,
    Entry,
    bounds_in_words,
    default_in_words,
    kind_in_words,
    parameter_help,
)
from engine.core.example import Examples, NoExample
from engine.core.params import Parameter
from engine.core.plugins import UnknownComponent
from engine.core.problems import did_you_mean

WIDTH = 100


def list_in_text(catalog: Catalog) -> str:
    """Every id with its sentence, in families; at the end what is broken, and why."""
    width = max(map(len, catalog.entries), default=0)
    lines = []
    for shelf in catalog.shelves:
        lines.append(f"{shelf.family.name}  {shelf.family.about}".rstrip())
        lines += [f"  {entry.id:{width}}  {entry.summary}".rstrip() for entry in shelf.entries]
        lines += [f"  {broken.id:{width}}  BROKEN: {broken.reason}" for broken in shelf.broken]
        lines.append("")
    count = f"{len(catalog.entries)} components"
    return "\n".join([*lines, f"{count}, {len(catalog.broken)} broken" if catalog.broken else count])


def entry_in_text(catalog: Catalog, id: str) -> str:
    """One component: what it is, its parameters, who goes with it, an example. Raises UnknownComponent."""
    if id in catalog.broken:
        broken = catalog.broken[id]
        return f"{id}  from {broken.package or 'this process'}\n\nIt cannot be used: {broken.reason}."
    if id not in catalog.entries:
        raise UnknownComponent(id, did_you_mean(id, [*catalog.entries, *catalog.broken], else_list=False))
    entry = catalog.entries[id]
    origin = f"{entry.target}, {entry.package}" if entry.package else entry.target
    parts = [f"{id}  ({origin})", entry.help]
    parts += ["Arguments" if entry.parameters else "It takes no arguments."]
    parts += [_parameter(catalog, parameter) for parameter in entry.parameters]
    parts += _seams(entry)
    if uses := catalog.uses(id):
        parts.append(_list("Used by", [f"{use.id} ({use.parameter})" for use in uses]))
    parts.append(f"Example\n\n{_example(catalog, id)}")
    return "\n\n".join(parts).rstrip()


def _parameter(catalog: Catalog, parameter: Parameter) -> str:
    facts = [kind_in_words(parameter), bounds_in_words(parameter.shape)]
    facts += [f"in {parameter.unit}" if parameter.unit else ""]
    facts += ["required" if parameter.required else f"default {default_in_words(parameter)}"]
    facts += ["may be changed while running" if parameter.live else ""]
    lines = [f"  {parameter.name}: {', '.join(filter(None, facts))}"]
    if text := parameter_help(parameter):
        lines.append(indent(fill(text, WIDTH - 6), "      "))
    if parameter.is_reference:
        ids = [entry.id for entry in catalog.compatible(parameter.protocols)]
        lines.append(indent(_list("fits", ids), "      "))
    return "\n".join(lines)


def _seams(entry: Entry) -> list[str]:
    return [_list("Serves as", [seam.__name__ for seam in entry.seams])] if entry.seams else []


def _list(head: str, items: list[str]) -> str:
    return fill(f"{head}: {', '.join(items) or 'nothing here'}", WIDTH - 6, subsequent_indent="  ")


def _example(catalog: Catalog, id: str) -> str:
    try:
        return Examples(catalog).text(id)
    except NoExample as error:
        return f"None: {error}."
