"""YAML text to plain values and back, every value with its place in the file.

Only maps, lists, text, whole numbers, floats, true/false, null and `!decimal` exist here: no tag ever builds an object.
Anchors and aliases are refused, since `vars` does their work and a nest of aliases can grow without bound.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from engine.core.problems import ConfigError, Path, Problem, did_you_mean, spell

Tree = Any
"""dict, list, str, int, float, bool, None or Decimal, nested."""

Place = tuple[int, int]
"""(line, column), counted from 1."""

MAX_CHARACTERS = 1_000_000
_USUAL_CHARACTERS = 20_000
DECIMAL_TAG = "!decimal"
_CORE = "tag:yaml.org,2002:"
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Document:
    """A parsed file. `places` knows every value, `key_places` every map key, both by path."""

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.tree: Tree = None
        self.places: dict[Path, Place] = {(): (1, 1)}
        self.key_places: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self.unreadable: set[Path] = set()
        """Values the text holds but nobody can use; the tree says None there, and a problem is already noted."""

    def problem(self, path: Path, message: str, suggestion: str = "", *, place: Place | None = None) -> None:
        """Note a problem at a value, or at an explicit place."""
        line, column = place or self.place(path)
        self.problems.append(
            Problem(
                file=self.filename,
                line=line,
                column=column,
                path=spell(path),
                message=message,
                suggestion=suggestion,
            )
        )

    def place(self, path: Path) -> Place:
        """Where the value stands, or the nearest thing around it that has a place."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def unreadable_value(self, path: Path, message: str, suggestion: str = "") -> None:
        self.unreadable.add(path)
        self.problem(path, message, suggestion)

    def key_place(self, path: Path) -> Place:
        return self.key_places.get(path) or self.place(path)


def parse(text: str, *, filename: str) -> Document:
    """Read one YAML document. Whatever is wrong is in `problems`; the tree holds what could be read."""
    document = Document(filename)
    if len(text) > MAX_CHARACTERS:
        document.problem((), f"the file has {len(text)} characters, more than {MAX_CHARACTERS}", "Split the service")
        return document
    try:
        root = (_compose_once if len(text) <= _USUAL_CHARACTERS else _compose)(text)
        if root is not None:
            document.tree = _Builder(document).build(root, ())
    except MarkedYAMLError as error:
        _note_syntax(document, error)
    except ReaderError as error:
        before = text[: error.position]
        place = (before.count("\n") + 1, error.position - before.rfind("\n"))
        document.problem((), f"the character #x{ord(text[error.position]):04x} is not allowed in YAML", place=place)
    except YAMLError as error:
        document.problem((), f"not valid YAML: {error}")
    except RecursionError:
        document.problem((), "the file is nested too deeply to read", "Flatten lists and maps")
    return document


def _compose(text: str) -> Node | None:
    node: Node | None = YAML(typ="safe", pure=True).compose(StringIO(text))
    return node


# A revision is read again by every check, page and start; nodes are only looked at, so readers can share them.
_compose_once = lru_cache(maxsize=16)(_compose)


def parse_tree(text: str, *, filename: str = "<text>") -> Tree:
    """The plain values of a text, positions forgotten: for tools that edit a configuration. Raises ConfigError."""
    document = parse(text, filename=filename)
    if document.problems:
        raise ConfigError(document.problems)
    return document.tree


def _note_syntax(document: Document, error: MarkedYAMLError) -> None:
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what = str(error.problem or "it cannot be read")
    suggestion = ""
    if "'@'" in what:
        suggestion = 'Put references in quotes: "@name"'
    elif "'\\t'" in what or "\\t" in what:
        suggestion = "Indent with spaces, not tabs"
    elif "mapping values are not allowed" in what:
        suggestion = "Quote text that holds a colon, and check the indentation"
    context = f" {error.context}" if error.context else ""
    document.problem((), f"not valid YAML{context}: {what}", suggestion, place=place)


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: set[int] = set()

    def build(self, node: Node, path: Path) -> Tree:
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._document.places[path] = place
        if id(node) in self._seen:  # an alias; its anchor has been reported
            self._document.unreadable.add(path)
            return None
        self._seen.add(id(node))
        if node.anchor:
            remedy = 'Put the value under vars and write "@name"'
            self._document.problem(path, "YAML anchors and aliases are not used here", remedy)
        if isinstance(node, MappingNode):
            return self._map(node, path)
        if isinstance(node, SequenceNode):
            if node.tag != _CORE + "seq":
                self._unknown_tag(node, path)
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, path)

    def _map(self, node: MappingNode, path: Path) -> dict[str, Tree]:
        if node.tag != _CORE + "map":
            self._unknown_tag(node, path)
        result: dict[str, Tree] = {}
        for key_node, value_node in node.value:
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                self._document.problem(path, "a key must be text, not a list or a map", place=place)
                continue
            key = str(key_node.value)
            if key_node.tag == _CORE + "merge":
                self._document.problem(path, "the YAML merge key << is not used here", "Write out keys", place=place)
                continue
            if key in result:
                first = self._document.key_places[*path, key][0]
                self._document.problem(
                    (*path, key), f'the key "{key}" stands here twice, first on line {first}', "Keep one", place=place
                )
                continue
            self._document.key_places[*path, key] = place
            result[key] = self.build(value_node, (*path, key))
        return result

    def _scalar(self, node: ScalarNode, path: Path) -> Tree:
        text = str(node.value)
        match node.tag:
            case "!decimal":
                return self._decimal(text, path)
            case "tag:yaml.org,2002:str" | "tag:yaml.org,2002:timestamp" | "tag:yaml.org,2002:merge":
                return text
            case "tag:yaml.org,2002:null":
                return None
            case "tag:yaml.org,2002:bool":
                return text.lower() == "true"
            case "tag:yaml.org,2002:int":
                return self._integer(text, path)
            case "tag:yaml.org,2002:float":
                return self._float(text, path)
        self._unknown_tag(node, path)
        return None

    def _decimal(self, text: str, path: Path) -> Decimal | None:
        try:
            value = Decimal(text) if _NUMBER.fullmatch(text) else None
        except InvalidOperation:
            value = None
        if value is None:
            self._document.unreadable_value(path, f'"{text}" is not an exact decimal number', 'Write !decimal "0.0015"')
        return value

    def _integer(self, text: str, path: Path) -> int | None:
        digits = text.replace("_", "")
        try:
            return int(digits, 0) if digits.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else int(digits, 10)
        except ValueError:
            self._document.unreadable_value(path, f'"{text[:40]}" is not a whole number')
            return None

    def _float(self, text: str, path: Path) -> float | None:
        digits = text.replace("_", "")
        value = float(digits) if _NUMBER.fullmatch(digits) else math.nan
        if not math.isfinite(value):
            self._document.unreadable_value(path, f'"{text}" is not a usable number', "Write a finite number")
            return None
        return value

    def _unknown_tag(self, node: Node, path: Path) -> None:
        tag = str(node.tag).replace(_CORE, "!!")
        if tag == DECIMAL_TAG:
            self._document.unreadable_value(path, "!decimal stands before one number", 'Write !decimal "0.0015"')
            return
        suggestion = did_you_mean(tag, [DECIMAL_TAG], else_list=False) or f'The only tag is {DECIMAL_TAG} "0.0015"'
        self._document.unreadable_value(path, f"the YAML tag {tag} is not known here", suggestion)


def dump_config(tree: Tree) -> str:
    """YAML text that `parse_tree` reads back to the identical tree; decimals become `!decimal "…"`.

    Raises TypeError for a value that has no place in a configuration.
    """
    if isinstance(tree, dict | list) and tree:
        return "\n".join(_block(tree, ())) + "\n"
    return _inline(tree, ()) + "\n"


def _block(value: Tree, path: Path) -> list[str]:
    """The lines of a map or list that is not empty; nested ones are indented by two."""
    lines: list[str] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(value, dict) and not isinstance(key, str):
            raise TypeError(f"{spell(path)} has the key {key!r}; keys must be text")
        here = (*path, key)
        head = f"{_text(key)}:" if isinstance(key, str) else "-"
        if isinstance(item, dict | list) and item and not _is_short(item):
            nested = _block(item, here)
            if isinstance(key, str):
                lines += [head, *(f"  {line}" for line in nested)]
            else:
                lines += [f"- {nested[0]}", *(f"  {line}" for line in nested[1:])]
        else:
            lines.append(f"{head} {_inline(item, here)}")
    return lines


def _is_short(value: Tree) -> bool:
    """Short lists of scalars read best on one line."""
    return (
        isinstance(value, list)
        and len(value) <= 12
        and not any(isinstance(item, dict | list) for item in value)
        and sum(len(str(item)) + 4 for item in value) <= 90
    )


def _inline(value: Tree, path: Path) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case int():
            return str(int(value))
        case Decimal() if value.is_finite():
            return f'{DECIMAL_TAG} "{value}"'
        case float() if math.isfinite(value):
            return repr(float(value))
        case {} if not value:
            return "{}"
        case list():
            return "[" + ", ".join(_inline(item, (*path, index)) for index, item in enumerate(value)) + "]"
    raise TypeError(f"{spell(path)} is {value!r}, which has no place in a configuration")


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def _text(text: str) -> str:
    """Plain where that cannot be misread, else in double quotes."""
    text = str(text)
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
