"""What is compared: systems that differ from a common configuration, each over the same seeds. TOML in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from camenn.errors import ConfigError
from camenn.run_config import RunConfig, hint, parse_config, read_toml
from camenn.tables.spoiling import What

KEYS = ("shop", "seeds", "reference", "spoiled", "base", "systems")
SPOILED: tuple[What, ...] = get_args(What)


@dataclass(frozen=True, slots=True)
class Spoiling:
    """A share of the items has another item's name, category or picture."""

    what: What
    share: float

    def __str__(self) -> str:
        return f"{self.what}-{self.share:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonConfig:
    """Systems by name, in the order in which tables show them."""

    shop: str
    seeds: tuple[int, ...]
    reference: str
    """The system that every other is compared with."""
    systems: dict[str, RunConfig]
    spoilings: tuple[Spoiling, ...] = ()
    """What each system is trained on beside the shop as it is, what by what, share by share."""


def read_comparison(path: Path) -> ComparisonConfig:
    """Read a TOML file: `base` holds what all systems share, `systems.NAME` what is a system's own.

    A system that says `like = "OTHER"` begins with what that one says.

    Raises:
        ConfigError: with every problem found, each with its place.
    """
    return parse_comparison(read_toml(path), where=str(path))


def parse_comparison(raw: Mapping[str, Any], *, where: str) -> ComparisonConfig:
    """Check keys, seeds, names and every system's configuration. Raises ConfigError with all problems."""
    problems = [f"{where}: unknown key {key!r}; {hint(key, KEYS)}" for key in raw if key not in KEYS]
    systems, seeds = raw.get("systems", {}), raw.get("seeds", [0])
    if not isinstance(systems, Mapping) or not systems:
        problems.append(f"{where}: names no system; add a table [systems.NAME] for each")
        systems = {}
    reference = raw.get("reference", next(iter(systems), ""))
    if systems and reference not in systems:
        problems.append(f"{where}: reference: no system {reference!r}; {hint(str(reference), systems)}")
    whole = isinstance(seeds, list) and all(type(seed) is int and seed >= 0 for seed in seeds)
    if not whole or not seeds:
        problems.append(f"{where}: seeds: a list of whole numbers from 0 on, not {seeds!r}")
    elif len(set(seeds)) < len(seeds):
        problems.append(f"{where}: seeds: {seeds} names a seed twice; runs of one seed are the same run")
    base = raw.get("base", {})
    if not isinstance(base, Mapping):
        problems.append(f"{where}: base: a table of settings, not {base!r}")
        base = {}
    spoilings = _spoilings(raw.get("spoiled", {}), where, problems)
    read: dict[str, RunConfig] = {}
    for name in systems:
        try:
            read[name] = _system(name, systems, base, where)
        except ConfigError as error:
            problems.append(str(error))
    problems += [
        f"{where}: systems.{name}: split: another than {reference}'s; systems are compared on the same rows"
        for name, config in read.items()
        if reference in read and config.split != read[reference].split
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    return ComparisonConfig(
        shop=str(raw.get("shop", "")), seeds=tuple(seeds), reference=reference, systems=read, spoilings=spoilings
    )


def _spoilings(raw: Any, where: str, problems: list[str]) -> tuple[Spoiling, ...]:
    """`spoiled.names = [0.1, 0.2]` and the like."""
    if not isinstance(raw, Mapping):
        problems.append(f"{where}: spoiled: a table such as {{ names = [0.1, 0.2] }}, not {raw!r}")
        return ()
    found: list[Spoiling] = []
    for what, shares in raw.items():
        if what not in SPOILED:
            problems.append(f"{where}: unknown key 'spoiled.{what}'; {hint(what, SPOILED)}")
        elif not isinstance(shares, list) or not all(_is_share(share) for share in shares):
            problems.append(f"{where}: spoiled.{what}: a list of shares above 0 and up to 1, not {shares!r}")
        elif len(set(shares)) < len(shares):
            problems.append(f"{where}: spoiled.{what}: {shares} names a share twice")
        else:
            found += [Spoiling(what, float(share)) for share in sorted(shares)]
    return tuple(found)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _system(name: str, systems: Mapping[str, Any], base: Mapping[str, Any], where: str) -> RunConfig:
    place = f"{where}: systems.{name}"
    if not name or set(name) & set("/\\\0") or name.startswith("."):
        raise ConfigError(f"{place}: a system's name is a folder's; leave out slashes and a dot at its beginning")
    chain: list[Mapping[str, Any]] = []
    asked: list[str] = []
    following: Any = name
    while following is not None:
        if following in asked:
            raise ConfigError(f"{place}: like: goes round in a circle ({' -> '.join([*asked, following])})")
        if following not in systems:
            raise ConfigError(f"{place}: like: no system {following!r}; {hint(str(following), systems)}")
        own = systems[following]
        if not isinstance(own, Mapping):
            raise ConfigError(f"{where}: systems.{following}: a table of settings, not {own!r}")
        asked.append(following)
        chain.append({key: value for key, value in own.items() if key != "like"})
        following = own.get("like")
    merged: dict[str, Any] = {}
    for settings in (base, *reversed(chain)):
        merged = _merged(merged, settings)
    return parse_config(merged, where=place)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        old = both.get(key)
        # another model takes nothing over from the one before
        another = isinstance(value, Mapping) and key == "model" and "name" in value and isinstance(old, Mapping)
        if (
            isinstance(value, Mapping)
            and isinstance(old, Mapping)
            and not (another and value["name"] != old.get("name"))
        ):
            both[key] = _merged(old, value)
        else:
            both[key] = value
    return both
