"""One catalogue four times: as it is, with faults, corrected by itself, corrected at the desk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl
from rich.console import Console

from camenn.bundle import Bundle
from camenn.embeddings.carry import carry_stores
from camenn.embeddings.shards import write_whole
from camenn.errors import ConfigError
from camenn.rectify.findings import items_digest, read_findings
from camenn.rectify.rectify import rectify
from camenn.rectify.table import write_corrected
from camenn.rectify_bench.bench import truth_of
from camenn.rectify_bench.planting import PLANTED, Planted, plant_faults
from camenn.rectify_bench.scoring import Truth
from camenn.run_config import RunConfig, config_to_json
from camenn.tables.identity import shop_identity
from camenn.tables.shop import Shop, open_shop
from camenn.tables.sources.writing import new_folder

MADE_OF = "effect.json"
ACCEPTED = "accepted.parquet"
# A second listing has no events and nothing to put in its place, and its item would move the parts of all others.
FAULTS = tuple(kind for kind in Planted if kind is not Planted.DUPLICATE)
_SEED = 0


class Version(StrEnum):
    """Of a shop's catalogue; what happened in the shop is the same in all."""

    CLEAN = "clean"
    DIRTY = "dirty"
    """With faults planted."""
    AUTOMATIC = "automatic"
    """With the corrections that need nobody."""
    REVIEWED = "reviewed"
    """As a reviewer who knows the truth leaves it who looks at every finding."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What was done to the catalogue with faults."""

    num_items: int
    num_faults: int
    num_decisions: int
    """Findings, each of which a reviewer accepts or rejects."""
    num_accepted: int
    num_mended: int
    """Items that this puts right; of one item several findings may be true."""
    num_automatic: int
    """Corrections made without anybody."""
    num_automatic_right: int

    @property
    def unchanged(self) -> tuple[Version, ...]:
        """The corrected versions in which nothing was corrected."""
        made = {Version.AUTOMATIC: self.num_automatic, Version.REVIEWED: self.num_accepted}
        return tuple(version for version, count in made.items() if not count)


@dataclass(frozen=True, slots=True)
class Versions:
    """The four shops' folders below one folder; each is made when it is asked for first, and then kept."""

    clean: Shop
    folder: Path
    rate: float
    """Share of the items that get a fault."""

    def claim(self, training: RunConfig) -> None:
        """Say what the folder is for, or see that it is that; training: of the model that `rectify` asks.

        Raises ConfigError where it holds something else.
        """
        wanted = {
            "items": items_digest(self.clean),
            "events": shop_identity(self.clean, training.split),
            "rate": self.rate,
            "rectified_by": config_to_json(training),
        }
        path = self.folder / MADE_OF
        if not path.is_file():
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise ConfigError(f"{self.folder}: holds something else; name a new folder with --out")
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, (json.dumps(wanted, indent=2) + "\n").encode())
        held = json.loads(path.read_text(encoding="utf-8"))
        if other := [name for name in wanted if held.get(name) != wanted[name]]:
            raise ConfigError(
                f"{self.folder}: made of another {' and '.join(other).replace('_', ' ')} (see {MADE_OF}); "
                "give it what it was made of, or name a new folder with --out"
            )

    def dirty(self) -> Shop:
        """With faults in a share of the items.

        Raises DataError where the shop lacks names or pictures.
        """
        place = self.folder / "shops" / Version.DIRTY
        if not place.exists():
            plant_faults(self.clean, place, rate=self.rate, seed=_SEED, kinds=FAULTS)
            carry_stores(self.clean.folder, place)
        return open_shop(place)

    def automatic(self, dirty: Shop, bundle: Path, console: Console) -> Shop:
        """With what `rectify` corrects by itself, asked by a model that was trained on the shop with faults."""
        found = self.folder / "findings"
        if not found.exists():
            rectify(Bundle.from_pretrained(bundle), dirty, found, seed=_SEED, console=console)
            carry_stores(dirty.folder, found / "corrected")
        return open_shop(found / "corrected")

    def reviewed(self, dirty: Shop) -> Shop:
        """With what a reviewer accepts of all that `rectify` found."""
        place = self.folder / "reviewed"
        if not place.exists():
            taken = accepted(self._findings(), self._truth(dirty))
            with new_folder(place) as partial:
                taken.write_parquet(partial / ACCEPTED)
                write_corrected(dirty, taken, partial / "corrected")
            carry_stores(dirty.folder, place / "corrected")
        return open_shop(place / "corrected")

    def corrected(self, dirty: Shop) -> Corrected:
        """How much was found and done; all four have been made."""
        findings, truth = self._findings(), self._truth(dirty)
        made = findings.filter("automatic").select("item_id", "kind", "columns", "suggestions")
        right = [truth.corrects(item, kind, columns, best[0]["item_id"]) for item, kind, columns, best in made.rows()]
        taken = pl.read_parquet(self.folder / "reviewed" / ACCEPTED)
        return Corrected(
            num_items=self.clean.catalogue.num_items,
            num_faults=len(truth.fault),
            num_decisions=len(findings),
            num_accepted=len(taken),
            num_mended=taken["item_id"].n_unique(),
            num_automatic=len(made),
            num_automatic_right=sum(right),
        )

    def _findings(self) -> pl.DataFrame:
        return read_findings(self.folder / "findings")[0]

    def _truth(self, dirty: Shop) -> Truth:
        return truth_of(self.clean, dirty, pl.read_parquet(dirty.folder / PLANTED))


def accepted(findings: pl.DataFrame, truth: Truth) -> pl.DataFrame:
    """The findings that somebody who knows the truth accepts, each with the suggestion that was taken, alone.

    Accepted is what is true, where a suggestion puts the cell right that is wrong; the first that does is taken.
    """
    rows = []
    for row in findings.iter_rows(named=True):
        claim = row["item_id"], row["kind"], row["columns"]
        right = [one for one in row["suggestions"] if truth.corrects(*claim, one["item_id"])]
        if right:
            rows.append(row | {"suggestions": right[:1]})
    return pl.DataFrame(rows, schema=findings.schema)
