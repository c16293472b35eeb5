"""CameNN: recommendations that survive a dirty catalogue. What is named here is public; all else may move."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from camenn.bundle import Bundle
    from camenn.errors import CamennError
    from camenn.evaluation.evaluate import evaluate
    from camenn.recommend.offline import RecommendConfig, recommend_items
    from camenn.run_config import read_config
    from camenn.tables.shop import Shop, open_shop
    from camenn.task import Task
    from camenn.training.trainer import train

__all__ = [
    "Bundle",
    "CamennError",
    "RecommendConfig",
    "Shop",
    "Task",
    "evaluate",
    "open_shop",
    "read_config",
    "recommend_items",
    "train",
]

_HOMES = {
    "Bundle": "camenn.bundle",
    "CamennError": "camenn.errors",
    "RecommendConfig": "camenn.recommend.offline",
    "Shop": "camenn.tables.shop",
    "Task": "camenn.task",
    "evaluate": "camenn.evaluation.evaluate",
    "open_shop": "camenn.tables.shop",
    "read_config": "camenn.run_config",
    "recommend_items": "camenn.recommend.offline",
    "train": "camenn.training.trainer",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for, so that `import camenn` does not wait for torch.
    if name not in _HOMES:
        raise AttributeError(f"module 'camenn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
