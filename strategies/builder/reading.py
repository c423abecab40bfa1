"""Parts of a tree, whatever state it is in: what is not a map has no parts, what nobody knows may be anything."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.catalog import Catalog
from engine.core.params import Shape
from strategies.builder.typed import ANYTHING, Tree


def parts_of(tree: Mapping[str, Tree]) -> dict[str, dict[str, Tree]]:
    """The components of a tree that are maps, by name."""
    components = tree.get("components")
    if not isinstance(components, dict):
        return {}
    return {name: node for name, node in components.items() if isinstance(node, dict)}


def variables_of(tree: Mapping[str, Tree]) -> dict[str, Tree]:
    variables = tree.get("vars")
    return variables if isinstance(variables, dict) else {}


def variable_shapes(tree: Mapping[str, Tree], catalog: Catalog) -> dict[str, Shape]:
    """What each variable is used for: the shape of the first argument that names it, or a variable that does."""
    variables = variables_of(tree)
    shapes: dict[str, Shape] = {}

    def visit(shape: Shape, value: Tree) -> None:
        if isinstance(value, str) and value[:1] == "@" and value[1:] in variables and value[1:] not in shapes:
            shapes[value[1:]] = shape
            visit(shape, variables[value[1:]])
        elif isinstance(value, list | dict):
            for item in value.values() if isinstance(value, dict) else value:
                visit(shape.item or ANYTHING, item)

    for node in parts_of(tree).values():
        args = node.get("args")
        for key, value in args.items() if isinstance(args, dict) else ():
            visit(shape_of_argument(catalog, node.get("id"), key), value)
    return shapes


def shape_of_argument(catalog: Catalog, component: object, argument: str) -> Shape:
    entry = catalog.entries.get(component) if isinstance(component, str) else None
    parameters = entry.parameters if entry else ()
    return next((each.shape for each in parameters if each.name == argument), ANYTHING)
