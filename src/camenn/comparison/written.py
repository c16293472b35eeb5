"""A comparison as TOML: every system in full, but for what all of them share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from camenn.models.zoo import ZOO
from camenn.run_config import RunConfig, config_to_json


def comparison_to_toml(
    raw: Mapping[str, Any], systems: Mapping[str, RunConfig], *, title: str, notes: Mapping[str, str]
) -> str:
    """The comparison `raw` with these systems for its own, as a text that `read_comparison` reads.

    No system is `like` another, so that a value chosen for one is not handed on. `title` and the `notes` of systems
    are comments.
    """
    own = {name: _settings(one) for name, one in systems.items()}
    base = _shared(list(own.values()))
    top = {key: value for key, value in raw.items() if key not in ("base", "systems")}
    lines = [*_comment(title), *_table(top, ())]
    if base:
        lines += _table(base, ("base",))
    for name, settings in own.items():
        lines += ["", *_comment(notes.get(name, ""))]
        lines += list(_table(_without(settings, base), ("systems", name)))[1:]
    return "\n".join(lines) + "\n"


def _settings(config: RunConfig) -> dict[str, Any]:
    """All that is not by default, and the model's name."""
    model = config.model.name
    default = config_to_json(replace(RunConfig(), model=ZOO[model][0]()))
    settings = _without(config_to_json(config), default)
    return {"model": {"name": model, **settings.pop("model", {})}, **settings}


def _without(settings: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """What differs from what is known."""
    left: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            if inner := _without(value, known.get(key, {})):
                left[key] = inner
        elif key not in known or value != known[key]:
            left[key] = value
    return left


def _shared(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all of them say alike, of all but the model, which is no other's."""
    first, *others = settings
    same: dict[str, Any] = {}
    for key, value in first.items():
        if isinstance(value, Mapping):
            if key != "model" and (inner := _shared([value, *(one.get(key, {}) for one in others)])):
                same[key] = inner
        elif all(key in one and one[key] == value for one in others):
            same[key] = value
    return same


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """An empty line, a header, its values, unless it holds tables alone; then these. The topmost, (), has no header."""
    within = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    values = [f"{_key(key)} = {toml_value(value)}" for key, value in table.items() if key not in within]
    if path and (values or not within):
        yield ""
        yield f"[{'.'.join(map(_key, path))}]"
    yield from values
    for key, value in within.items():
        yield from _table(value, (*path, key))


def _comment(text: str) -> list[str]:
    return [f"# {line}".rstrip() for line in text.splitlines()]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key)


def toml_value(value: Any) -> str:
    """A number, text, truth value or list as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):  # JSON's escapes are TOML's, but for one character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    return repr(value)
