"""Everything that is claimed of a shop: by verdict, by picture, by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from camenn.errors import DataError
from camenn.rectify.claims import Claim, claims_of_listings, claims_of_rule
from camenn.rectify.contrast import Ints, Signals
from camenn.rectify.findings import Kind, Side
from camenn.rectify.listings import Listings
from camenn.rectify.pictures import Defect, judge_pictures, measure_all
from camenn.rectify.planting import Fault
from camenn.rectify.reading import Stock
from camenn.rectify.rules import duplicates, odd_prices, shared_pictures
from camenn.rectify.signals import NEIGHBOURS, Placed
from camenn.rectify.space import Space
from camenn.rectify.tier import NO_TRIAL, SuggestionTrust, Tier, Trial, automatic_tier
from camenn.rectify.trial import learn_trust, try_corrections
from camenn.rectify.verdict import Judge, Seen, Tell, quietly
from camenn.tables.shop import Shop

LEAST = 0.1
"""Probability from which on a claim is made. CHOICE: ten looks for a fault are what a reviewer may be asked for."""
FEWEST = 40
"""Listings with text and picture from which on a verdict can be learned."""
_CHUNK = 8192
_DEFECTS = {
    Defect.BLURRED: "The picture is blurred.",
    Defect.DARK: "The picture is too dark to make anything out.",
    Defect.TINY: "The picture is tiny.",
    Defect.EMPTY: "The picture shows nothing.",
}
_DUPLICATE = 0.99
"""CHOICE: the same name over the same picture in the same store; now and then there is a reason."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What looks through one shop."""

    shop: Shop
    stock: Stock
    judges: dict[Seen, tuple[Ints, Judge]]
    """By what is seen of them, the lines that are judged, and by whom; none where too few could be learned from."""
    trust: dict[Fault, SuggestionTrust]
    trial: Trial
    seed: int
    least: float
    """Probability from which on a claim is made."""

    @classmethod
    def of(
        cls,
        shop: Shop,
        stock: Stock,
        make_space: Callable[[Listings], Space],
        *,
        seed: int,
        least: float = LEAST,
        tell: Tell = quietly,
    ) -> Survey:
        """Learn what is right in this shop."""
        text, picture = stock.has_text, stock.has_picture
        # Learned from all that has it; asked of what has nothing more.
        asked = {Seen.BOTH: text & picture, Seen.TEXT: text & ~picture, Seen.PICTURE: picture & ~text}
        learned = {Seen.BOTH: text & picture, Seen.TEXT: text, Seen.PICTURE: picture}
        judges: dict[Seen, tuple[Ints, Judge]] = {}
        for seen, lines in asked.items():
            if learned[seen].sum() < FEWEST or not lines.any():
                continue
            try:
                known = np.flatnonzero(learned[seen])
                judge = Judge.learn(stock.listings, known, make_space, stock.words, seed=seed, seen=seen, tell=tell)
            except DataError:  # nothing can be wrong where everything is the same
                continue
            judges[seen] = np.flatnonzero(lines), judge
        both = judges.get(Seen.BOTH)
        trust: dict[Fault, SuggestionTrust] = {}
        trial = NO_TRIAL
        if both is not None:
            trust = learn_trust(both[1], stock.words, seed=seed)
            trial = try_corrections(both[1], stock.words, trust, len(both[0]), seed=seed)
        return cls(shop, stock, judges, trust, trial, seed, least)

    @property
    def judge(self) -> Judge | None:
        """The judge of listings that have both, who knows what to suggest."""
        both = self.judges.get(Seen.BOTH)
        return None if both is None else both[1]

    def tier(self, claims: Sequence[Claim], *, rate: float) -> Tier:
        """Which of these claims, all that were made, are corrected without a person."""
        offered = [claim for claim in claims if claim.suggestions and claim.side is not Side.UNCLEAR]
        claimed = np.array([claim.correct for claim in offered])
        return automatic_tier(self.trial, claimed, np.array([1.0 - claim.probability for claim in offered]), rate=rate)

    def claims(self, tell: Tell = quietly) -> Iterator[Claim]:
        """All claims."""
        held = self.stock.listings
        poor = np.zeros(len(held))
        for claim in self._pictures(tell):
            if claim.kind is Kind.POOR_PICTURE:
                poor[claim.line] = claim.probability
            yield claim
        own_picture = np.ones(len(held))
        for lines, judge in self.judges.values():
            for start in range(0, len(lines), _CHUNK):
                chunk = held.take(lines[start : start + _CHUNK])
                verdicts = judge.judge(chunk)
                own_picture[chunk.item] = 1.0 - verdicts.probability[:, Fault.PICTURE]
                # A picture that shows nothing fits no name: that was said already.
                said = verdicts.without_pictures(poor[chunk.item])
                yield from claims_of_listings(judge, said, self.trust, least=self.least)
                tell("listings", start + len(chunk), len(lines))
        yield from self._shared(own_picture)
        yield from self._missing_names()
        yield from self._duplicates()
        yield from self._prices()

    def _pictures(self, tell: Tell) -> Iterator[Claim]:
        catalogue, fold = self.shop.catalogue, self.stock.listings.fold
        if not catalogue.has_images:
            return
        num = catalogue.num_items
        measured = measure_all(catalogue.images, num, tell=lambda looked: tell("pictures", looked, num))
        probability = judge_pictures(measured, fold, catalogue.images, seed=self.seed)
        poor = np.where(probability.sum(axis=1) > 0, 1.0 - probability[:, Defect.NONE], 0.0)
        lines = np.flatnonzero(poor >= self.least)
        worst = (1 + probability[lines, 1:].argmax(axis=1)).tolist()
        yield from self._rule(lines, poor[lines], Kind.POOR_PICTURE, [_DEFECTS[Defect(one)] for one in worst])
        for missing, reason in (
            (measured.absent, "There is no picture."),
            (measured.unreadable, "The picture cannot be read."),
        ):
            lines = np.flatnonzero(missing)
            yield from self._rule(lines, np.ones(len(lines)), Kind.MISSING_PICTURE, reason)

    def _shared(self, own_picture: Signals) -> Iterator[Claim]:
        held = self.stock.listings
        shown = np.flatnonzero(self.stock.has_picture)
        probability, num_names = shared_pictures(held.group[shown], held.name[shown], own_picture[shown])
        kept = probability >= self.least
        reasons = [f"{num} products show this very picture." for num in num_names[kept].tolist()]
        yield from self._rule(shown[kept], probability[kept], Kind.SHARED_PICTURE, reasons)

    def _missing_names(self) -> Iterator[Claim]:
        if self.shop.catalogue.has_names:
            lines = np.flatnonzero(self.stock.listings.name == "")
            yield from self._rule(lines, np.ones(len(lines)), Kind.MISSING_NAME, "There is no name.")

    def _duplicates(self) -> Iterator[Claim]:
        held, ids = self.stock.listings, self.shop.catalogue.ids.values
        shown = np.flatnonzero(self.stock.has_picture)
        first = duplicates(held.group[shown], held.name[shown], self._stores()[shown])
        lines, of = shown[first >= 0], shown[first[first >= 0]]
        reasons = [f"The same name and picture as {ids[line]}." for line in of.tolist()]
        yield from self._rule(lines, np.full(len(lines), _DUPLICATE), Kind.DUPLICATE, reasons)

    def _prices(self) -> Iterator[Claim]:
        price = prices(self.shop)
        if self.judge is None or price is None:
            return
        whole = np.flatnonzero(self.stock.has_text & self.stock.has_picture)
        usual = np.full(len(price), np.nan)
        shelf = self.judge.shelf
        for start in range(0, len(whole), _CHUNK):
            chunk = self.stock.listings.take(whole[start : start + _CHUNK])
            near, _ = shelf.like_texts(Placed.put(chunk, self.judge.space))
            usual[chunk.item] = np.nanmedian(price[shelf.placed.listings.item[near[:, :NEIGHBOURS]]], axis=1)
        probability = odd_prices(price, usual)
        lines = np.flatnonzero(probability >= self.least)
        reasons = [f"It costs {price[line]:g}, its like {usual[line]:g}." for line in lines.tolist()]
        yield from self._rule(lines, probability[lines], Kind.ODD_PRICE, reasons)

    def _stores(self) -> NDArray[np.object_]:
        catalogue = self.shop.catalogue
        if "store" not in catalogue.table.collect_schema():
            return np.full(catalogue.num_items, None, dtype=object)
        return catalogue.column("store").cast(pl.String).to_numpy().astype(object)

    def _rule(self, lines: Ints, probability: Signals, kind: Kind, reasons: str | Sequence[str]) -> Iterator[Claim]:
        told = [reasons] * len(lines) if isinstance(reasons, str) else reasons
        for start in range(0, len(lines), _CHUNK):
            part = slice(start, start + _CHUNK)
            listings = self.stock.listings.take(lines[part])
            yield from claims_of_rule(self.judge, listings, probability[part], kind, told[part], self.trust)


def prices(shop: Shop) -> NDArray[np.float64] | None:
    """(items,): nan where there is none; None in a shop without prices."""
    schema = shop.catalogue.table.collect_schema()
    if "price" not in schema or not schema["price"].is_numeric():
        return None
    return shop.catalogue.column("price").cast(pl.Float64).fill_null(float("nan")).to_numpy()
