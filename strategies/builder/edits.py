"""What may be done to a configuration in a form. Every edit gives a new tree and leaves the one it was given alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise

from engine.core.errors import EngineError
from engine.core.params import Kind, Parameter, Shape, Symbol
from engine.core.problems import Path, did_you_mean, spell
from engine.core.service import Service
from engine.core.yamltext import dump_config
from strategies.builder.ground import Ground
from strategies.builder.reading import parts_of, shape_of_argument, variable_shapes, variables_of
from strategies.builder.sheet import ADD, head_of, path_of
from strategies.builder.typed import ABSENT, ANYTHING, Tree, read, show

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class EditRefused(EngineError):
    """The edit makes no sense here. The message is a sentence with the remedy."""


def written(tree: dict[str, Tree], *, instead_of: str) -> str:
    """The tree as text, under the comment the old text began with."""
    return head_of(instead_of) + (dump_config(tree) if tree else "")


# Fields


def fill(tree: dict[str, Tree], posted: Mapping[str, str], ground: Ground) -> dict[str, Tree]:
    """Put what a form sends into the tree. A field whose text is still what it shows is left exactly as it was."""
    for key, text in posted.items():
        try:
            path = path_of(key)
        except ValueError as error:
            raise EditRefused(f"The form is not one of ours: {error}.") from None
        if text != show(shape_at(tree, ground, path), value_at(tree, path)):
            tree = put(tree, path, text, ground)
    return tree


def put(tree: dict[str, Tree], path: Path, text: str, ground: Ground) -> dict[str, Tree]:
    """One field as typed. Emptied, it is left out; a "+id" adds that component and refers to it."""
    tree = deepcopy(tree)
    shape = shape_at(tree, ground, path)
    if text.startswith(ADD) and shape.kind is Kind.REFERENCE and text[1:].strip() in ground.catalog.entries:
        tree, name = add_component(tree, text[1:].strip(), ground)
        text = f"@{name}"
    value = read(shape, text)
    holder = _holder(tree, path)
    last = path[-1]
    if isinstance(holder, list):
        if not isinstance(last, int) or not 0 <= last <= len(holder):
            raise EditRefused(f"{spell(path)} is not there any more; look at the list again.")
        if value is ABSENT:
            value = ""
        holder[last : last + 1] = [value]
    elif value is not ABSENT:
        is_new = last not in holder
        holder[str(last)] = value
        if is_new and len(path) == 4 and path[2] == "args":
            _in_order(holder, _parameters(tree, ground, str(path[1])))
    elif path[0] == "vars":
        holder[str(last)] = ""
    else:
        holder.pop(str(last), None)
    return _tidy(tree)


def take_out(tree: dict[str, Tree], path: Path) -> dict[str, Tree]:
    """Remove an argument, an item of a list or map, or a variable."""
    tree = deepcopy(tree)
    holder = _holder(tree, path)
    try:
        del holder[path[-1]]
    except (KeyError, IndexError, TypeError):
        raise EditRefused(f"{spell(path)} is not there any more.") from None
    return _tidy(tree)


def add_item(tree: dict[str, Tree], path: Path, text: str, ground: Ground, *, key: str = "") -> dict[str, Tree]:
    """One more item of a list, or under `key` of a map."""
    shape, held = shape_at(tree, ground, path), value_at(tree, path)
    if (shape.kind is Kind.MAP and held in (ABSENT, None)) or isinstance(held, dict):
        key = key.strip()
        if not key:
            raise EditRefused(f"An entry of {path[-1]} needs a name; type one beside it.")
        if isinstance(held, dict) and key in held:
            raise EditRefused(f'{path[-1]} has the entry "{key}" already; change it there.')
        inner = (shape.item or ANYTHING).kind
        if not text.strip() and inner in (Kind.LIST, Kind.MAP):
            text = "[]" if inner is Kind.LIST else "{}"
        if not text.strip():
            raise EditRefused(f'The entry "{key}" of {path[-1]} needs a value; type one beside it.')
        return put(tree, (*path, key), text, ground)
    if not text.strip():
        raise EditRefused(f"A new item of {path[-1]} needs a value; type or choose one.")
    return put(tree, (*path, len(held) if isinstance(held, list) else 0), text, ground)


# Components


def add_component(tree: dict[str, Tree], id: str, ground: Ground, *, name: str = "") -> tuple[dict[str, Tree], str]:
    """One more component, wired to what is there as far as that is beyond doubt. Also returns its name."""
    known = {entry.id: entry for entry in ground.offered()}
    if id not in known:
        hint = did_you_mean(id, known, else_list=False)
        raise EditRefused(f'No component of the catalog is called "{id}". {hint}'.strip())
    tree = deepcopy(tree)
    components = _map(tree, "components")
    if name:
        _check_name(tree, name)
    else:
        last = re.sub(r"\W", "_", id.rsplit(".", 1)[-1])
        name = _free_name(tree, last if re.match("[A-Za-z_]", last) else f"the_{last}")
    entry = known[id]
    args: dict[str, Tree] = {}
    for parameter in entry.parameters:
        if (value := _beyond_doubt(tree, parameter, ground)) is not ABSENT:
            args[parameter.name] = value
    components[name] = {"id": id, **({"args": args} if args else {})}
    if Service in entry.seams and not tree.get("service"):
        tree = {"service": f"@{name}", **{key: value for key, value in tree.items() if key != "service"}}
    return tree, name


def remove_component(tree: dict[str, Tree], name: str) -> dict[str, Tree]:
    """What refers to it keeps its reference: the problems then say where something else has to take its place."""
    _existing(tree, name)
    tree = deepcopy(tree)
    del tree["components"][name]
    return tree


def duplicate_component(tree: dict[str, Tree], name: str) -> tuple[dict[str, Tree], str]:
    """The same again under a name of its own, right behind it."""
    _existing(tree, name)
    tree = deepcopy(tree)
    copy = _free_name(tree, re.sub(r"_\d+$", "", name))
    components: dict[str, Tree] = {}
    for key, node in tree["components"].items():
        components[key] = node
        if key == name:
            components[copy] = deepcopy(node)
    tree["components"] = components
    return tree, copy


def rename(tree: dict[str, Tree], old: str, new: str) -> dict[str, Tree]:
    """Another name for a component or a variable, wherever it is referred to as well."""
    new = new.strip()
    if old == new:
        return tree
    room = "components" if old in parts_of(tree) else "vars"
    if room == "vars" and old not in variables_of(tree):
        raise EditRefused(f'Nothing here is called "{old}" any more.')
    _check_name(tree, new)

    def renamed(value: Tree) -> Tree:
        if isinstance(value, str):
            return f"@{new}" if value == f"@{old}" else value
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        return [renamed(item) for item in value] if isinstance(value, list) else value

    tree = {key: renamed(value) for key, value in tree.items()}
    tree[room] = {new if key == old else key: value for key, value in tree[room].items()}
    return tree


def choose_service(tree: dict[str, Tree], name: str) -> dict[str, Tree]:
    _existing(tree, name)
    return {"service": f"@{name}", **{key: value for key, value in tree.items() if key != "service"}}


def add_variable(tree: dict[str, Tree], name: str, text: str) -> dict[str, Tree]:
    """A new variable; what it is used for decides later how its value is read."""
    name = name.strip()
    _check_name(tree, name)
    value = read(ANYTHING, text)
    tree = deepcopy(tree)
    _map(tree, "vars")[name] = "" if value is ABSENT else value
    first = {key: tree[key] for key in ("service", "vars") if key in tree}
    return {**first, **{key: value for key, value in tree.items() if key not in first}}


# Looking


def value_at(tree: Mapping[str, Tree], path: Path) -> Tree:
    """The value that stands there, or ABSENT."""
    value: Tree = tree
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return ABSENT
    return value


def shape_at(tree: Mapping[str, Tree], ground: Ground, path: Path) -> Shape:
    """What the value there should look like; ANYTHING where nobody knows."""
    match path:
        case ("components", str() as name, "args", str() as argument, *rest):
            shape = shape_of_argument(ground.catalog, parts_of(tree).get(name, {}).get("id"), argument)
        case ("vars", str() as name, *rest):
            shape = variable_shapes(tree, ground.catalog).get(name, ANYTHING)
        case _:
            raise EditRefused(f"{spell(path)} is no field of a configuration.")
    for _ in rest:
        shape = shape.item or ANYTHING
    return shape


def _holder(tree: dict[str, Tree], path: Path) -> Tree:
    """The map or list the value belongs into, made on the way where it is missing."""
    match path:
        case ("components", str() as name, "args", *rest) if rest:
            _existing(tree, name)
            node = tree["components"][name]
            if not isinstance(node.get("args"), dict):
                node["args"] = {}
            holder: Tree = node["args"]
        case ("vars", *rest) if rest:
            holder = _map(tree, "vars")
        case _:
            raise EditRefused(f"{spell(path)} is no field of a configuration.")
    for part, following in pairwise(rest):
        fresh: Tree = [] if isinstance(following, int) else {}
        if isinstance(holder, list):
            if not isinstance(part, int) or not 0 <= part <= len(holder):
                raise EditRefused(f"{spell(path)} is not there any more; look at the list again.")
            if part == len(holder):
                holder.append(fresh)
        elif not isinstance(holder.get(part), dict | list):
            holder[part] = fresh
        holder = holder[part]
    if not isinstance(holder, list | dict):
        raise EditRefused(f"{spell(path[:-1])} holds no items.")
    return holder


def _beyond_doubt(tree: Mapping[str, Tree], parameter: Parameter, ground: Ground) -> Tree:
    """What a new component is given: the only one that fits, and the file's market."""
    shape = parameter.shape
    if shape.kind is Kind.TEXT and isinstance(shape.meta, Symbol) and "symbol" in variables_of(tree):
        return "@symbol"
    if shape.kind is Kind.REFERENCE and parameter.required:
        fitting = [name for name, node in parts_of(tree).items() if ground.fits(str(node.get("id")), shape.protocols)]
        if len(fitting) == 1:
            return f"@{fitting[0]}"
    return ABSENT


def _parameters(tree: Mapping[str, Tree], ground: Ground, name: str) -> tuple[Parameter, ...]:
    entry = ground.catalog.entries.get(str(parts_of(tree)[name].get("id")))
    return entry.parameters if entry else ()


def _in_order(args: dict[str, Tree], parameters: tuple[Parameter, ...]) -> None:
    """Move the newest argument in front of those that the constructor names later."""
    order = {parameter.name: place for place, parameter in enumerate(parameters)}
    *others, newest = args
    if newest not in order:
        return
    behind = next((n for n, name in enumerate(others) if order.get(name, -1) > order[newest]), len(others))
    for name in others[behind:]:
        args[name] = args.pop(name)


def _tidy(tree: dict[str, Tree]) -> dict[str, Tree]:
    """No empty map of arguments or variables stays behind what was taken out."""
    for node in parts_of(tree).values():
        if node.get("args") == {}:
            del node["args"]
    if tree.get("vars") == {}:
        del tree["vars"]
    return tree


def _map(tree: dict[str, Tree], key: str) -> dict[str, Tree]:
    if tree.get(key) is None:
        tree[key] = {}
    if not isinstance(tree[key], dict):
        raise EditRefused(f"In the text, {key} is not a map of names; mend it there first.")
    held: dict[str, Tree] = tree[key]
    return held


def _existing(tree: Mapping[str, Tree], name: str) -> None:
    if name not in parts_of(tree):
        raise EditRefused(f'No component here is called "{name}" any more.')


def _check_name(tree: Mapping[str, Tree], name: str) -> None:
    if not _NAME.fullmatch(name):
        raise EditRefused(f'"{name}" cannot be a name: use letters, digits, _ and -, and begin with a letter.')
    if name in parts_of(tree) or name in variables_of(tree):
        raise EditRefused(f'"{name}" is taken already; choose another name.')


def _free_name(tree: Mapping[str, Tree], wanted: str) -> str:
    name, number = wanted, 1
    while name in parts_of(tree) or name in variables_of(tree):
        number += 1
        name = f"{wanted}_{number}"
    return name
