"""The catalog of building blocks: what a strategy may be made of. Everything on it is read from the components."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from clients.pages import desk_page
from engine.core.catalog import (
    Catalog,
    Entry,
    bounds_in_words,
    default_in_words,
    family_of,
    kind_in_words,
    parameter_help,
)
from engine.core.example import Examples, NoExample
from engine.core.params import Parameter
from strategies.loading import installed


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A parameter in words, and the components that fit it."""

    name: str
    kind: str
    bounds: str
    unit: str
    default: str
    required: bool
    live: bool
    help: str
    is_reference: bool
    fits: list[Entry]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of an example. `link` is the id that stands at its end; `own` is what the page is about."""

    text: str
    link: str
    own: bool


@desk_page
def catalog(request: HttpRequest) -> HttpResponse:
    found = installed()
    words = request.GET.get("q", "").lower().split()
    rows = {id: _searchable(entry) for id, entry in found.entries.items()}
    rows |= {id: f"{id} {broken.reason} broken".lower() for id, broken in found.broken.items()}
    hidden = {id for id, text in rows.items() if not all(word in text for word in words)}
    context = {
        "nav": "catalog",
        "shelves": found.shelves,
        "shown": len(rows) - len(hidden),
        "broken": len(found.broken),
        "rows": rows,
        "hidden": hidden,
        "typed": request.GET.get("q", ""),
    }
    return render(request, "strategies/catalog.html", context)


@desk_page
def component(request: HttpRequest, component_id: str) -> HttpResponse:
    found = installed()
    family = family_of(component_id)
    if component_id in found.broken:
        context = {"nav": "catalog", "broken": found.broken[component_id], "family": family}
        return render(request, "strategies/component.html", context)
    if component_id not in found.entries:
        raise Http404("There is no such component.")
    entry = found.entries[component_id]
    context = {
        "nav": "catalog",
        "entry": entry,
        "family": family,
        "arguments": [_argument(found, parameter) for parameter in entry.parameters],
        "seams": [seam.__name__ for seam in entry.seams],
        "uses": found.uses(component_id),
        **_example(found, component_id),
    }
    return render(request, "strategies/component.html", context)


def _searchable(entry: Entry) -> str:
    """What the filter looks at: beside what is shown also arguments, seams and family."""
    words = [entry.id, entry.summary, entry.package, family_of(entry.id).name]
    words += [parameter.name for parameter in entry.parameters] + [seam.__name__ for seam in entry.seams]
    return " ".join(words).lower()


def _argument(found: Catalog, parameter: Parameter) -> Argument:
    return Argument(
        name=parameter.name,
        kind=kind_in_words(parameter),
        bounds=bounds_in_words(parameter.shape),
        unit=parameter.unit,
        default=default_in_words(parameter),
        required=parameter.required,
        live=parameter.live,
        help=parameter_help(parameter),
        is_reference=parameter.is_reference,
        fits=found.compatible(parameter.protocols) if parameter.is_reference else [],
    )


def _example(found: Catalog, component_id: str) -> dict[str, object]:
    try:
        text = Examples(found).text(component_id)
    except NoExample as error:
        return {"no_example": str(error)}
    return {"lines": _marked(text, component_id)}


def _marked(text: str, component_id: str) -> list[Line]:
    lines = text.splitlines()
    marked: list[Line] = []
    own = False
    for number, line in enumerate(lines):
        if not line.startswith("   "):  # a name under components, or something further out
            own = lines[number + 1 : number + 2] == [f"    id: {component_id}"]
        head, _, id = line.partition("    id: ")
        if id and not head:
            marked.append(Line(text="    id: ", link=id, own=own))
        else:
            marked.append(Line(text=line, link="", own=own))
    return marked
