"""`shop.toml`: what a shop says about its tables where inference would guess wrong."""

import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from camenn.errors import Problem

TableName = Literal["items", "users", "events"]
ColumnSetting = Literal["numeric", "categorical", "multi", "text", "ignore"]

SETTINGS_FILE = "shop.toml"


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """What `shop.toml` overrides; the defaults where it is silent or absent."""

    time_zone: str = "UTC"
    """IANA name of the zone in which instants without an offset are read."""
    columns: Mapping[TableName, Mapping[str, ColumnSetting]] = field(default_factory=dict)

    def kind_of(self, table: TableName, column: str) -> ColumnSetting | None:
        """The kind a column was given by hand, if any."""
        return self.columns.get(table, {}).get(column)


def _known_time_zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise ValueError(f"{name!r} is no time zone; write an IANA name such as 'Asia/Shanghai'")
    return name


class _SettingsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    time_zone: Annotated[str, AfterValidator(_known_time_zone)] = "UTC"
    columns: dict[TableName, dict[str, ColumnSetting]] = {}


def read_settings(folder: Path) -> tuple[ShopSettings, list[Problem]]:
    """The folder's `shop.toml` and what is wrong with it; defaults where it is absent or wrong."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return ShopSettings(), []
    try:
        read = _SettingsFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        return ShopSettings(), [Problem(SETTINGS_FILE, f"is not readable: {error.strerror}")]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return ShopSettings(), [Problem(SETTINGS_FILE, f"is not readable as TOML: {error}")]
    except ValidationError as error:
        return ShopSettings(), [_problem(dict(one)) for one in error.errors()]
    return ShopSettings(time_zone=read.time_zone, columns=read.columns), []


def _problem(error: dict[str, object]) -> Problem:
    place = error["loc"]
    assert isinstance(place, tuple)
    # pydantic marks a wrong dictionary key by a last step "[key]".
    steps = [str(step) for step in place if step != "[key]"]
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "unknown key; known are time_zone and columns.{items,users,events}"
    return Problem(SETTINGS_FILE, message, column=".".join(steps))
