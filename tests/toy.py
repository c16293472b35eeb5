"""A small shop whose answers are known: a user buys the colour they like, and a product's picture has its colour."""

import io
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (40, 60, 200), "yellow": (230, 210, 40)}
SHAPES = ("apple", "pear", "cup", "hat", "box")
DAY = 86_400_000_000
START = 1_700_000_000_000_000


def picture(colour: str, *, seed: int, size: int = 48) -> bytes:
    """A PNG of one colour with a little noise."""
    noise = np.random.default_rng(seed).integers(-20, 20, (size, size, 3))
    pixels = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def toy_items(num_items: int) -> pl.DataFrame:
    """Item i has colour i mod 4 and shape (i div 4) mod 5."""
    colours = [list(COLOURS)[i % 4] for i in range(num_items)]
    shapes = [SHAPES[(i // 4) % 5] for i in range(num_items)]
    return pl.DataFrame(
        {
            "item_id": [f"i{i}" for i in range(num_items)],
            "name": [f"{colour} {shape}" for colour, shape in zip(colours, shapes, strict=True)],
            "description": [None if i % 7 == 3 else f"a {shapes[i]} of fine make" for i in range(num_items)],
            "category": shapes,
            "price": [None if i % 11 == 5 else 1.0 + i % 5 for i in range(num_items)],
            "image": [picture(colours[i], seed=i) for i in range(num_items)],
        }
    )


def toy_users(num_users: int) -> pl.DataFrame:
    """User u likes colour u mod 4, and the profile says so."""
    return pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in range(num_users)],
            "team": [list(COLOURS)[u % 4] for u in range(num_users)],
        }
    )


def toy_events(num_users: int, num_items: int, num_requests: int, *, seed: int = 0) -> pl.DataFrame:
    """Requests of four candidates; bought where the colour is the user's, nine times in ten."""
    rng = np.random.default_rng(seed)
    user = np.repeat(rng.integers(0, num_users, num_requests), 4)
    item = np.concatenate([rng.choice(num_items, 4, replace=False) for _ in range(num_requests)])
    at = np.repeat(START + np.sort(rng.integers(0, 10 * DAY, num_requests)), 4)
    wanted = user % 4 == item % 4
    bought = np.where(rng.random(len(user)) < 0.9, wanted, ~wanted & (rng.random(len(user)) < 0.3))
    return pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in user],
            "item_id": [f"i{i}" for i in item],
            "at": pl.Series(at).cast(pl.Datetime("us", "UTC")),
            "converted": bought.astype(np.int8),
            "request_id": np.repeat([f"r{r}" for r in range(num_requests)], 4),
            "device": [("phone", "desk")[r % 2] for r in np.repeat(np.arange(num_requests), 4)],
            "position": np.tile([1, 2, 3, 4], num_requests),
        }
    )


def write_toy_shop(
    folder: Path, *, num_items: int = 40, num_users: int = 24, num_requests: int = 300, outcomes: bool = True
) -> Path:
    """Write the shop as Parquet; with `outcomes` False only its purchases, as a shop without an impression log."""
    folder.mkdir(parents=True, exist_ok=True)
    toy_items(num_items).write_parquet(folder / "items.parquet")
    toy_users(num_users).write_parquet(folder / "users.parquet")
    events = toy_events(num_users, num_items, num_requests)
    if not outcomes:
        events = events.filter(pl.col("converted") == 1).drop("converted", "position")
    events.write_parquet(folder / "events.parquet")
    return folder
