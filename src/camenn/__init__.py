"""CameNN: recommendations that survive a dirty catalogue. What is named here is public; all else may move."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from camenn.bundle import Bundle
    from camenn.errors import CamennError
    from camenn.evaluation.evaluate import evaluate
    from camenn.recommend.offline import recommend
    from camenn.run_config import read_config
    from camenn.tables.shop import Shop, open_shop
    from camenn.task import Task
    from camenn.training.trainer import train

__all__ = ["Bundle", "CamennError", "Shop", "Task", "evaluate", "open_shop", "read_config", "recommend", "train"]

_HOMES = {
    "Bundle": "camenn.bundle",
    "CamennError": "camenn.errors",
    "Shop": "camenn.tables.shop",
    "Task": "camenn.task",
    "evaluate": "camenn.evaluation.evaluate",
    "open_shop": "camenn.tables.shop",
    "read_config": "camenn.run_config",
    "recommend": "camenn.recommend.offline",
    "train": "camenn.training.trainer",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for, so that `import camenn` does not wait for torch.
    if name not in _HOMES:
        raise AttributeError(f"module 'camenn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """`camenn.recommend` is the function, whether or not the room of that name was imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
