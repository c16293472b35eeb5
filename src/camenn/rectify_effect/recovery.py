"""What faults cost a ranking, and how much of it corrections bring back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from camenn.metrics.intervals import NAN, Difference, Estimate
from camenn.metrics.paired import auc_draws, difference_over_seeds, over_seeds, ratio_over_seeds
from camenn.metrics.ranking import Floats, auc
from camenn.rectify_effect.versions import Version

DRAWS = 1000
DRAWN_BY = 0
"""Seed of the draws: all are drawn alike, so that what is subtracted is paired."""
NOT_DEFINED = Estimate(NAN, NAN, NAN)


class Asked(StrEnum):
    """Which catalogue a model is asked about when it is judged."""

    CLEAN = "clean"
    OWN = "own"
    """The version that it was trained on."""


@dataclass(frozen=True, slots=True)
class Scored:
    """AUC of one model, and of each draw of the requests."""

    value: float
    draws: Floats

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Scored:
        """rows: logit, label, group."""
        logits, labels, groups = (rows[name].to_numpy() for name in ("logit", "label", "group"))
        return cls(auc(logits, labels), auc_draws(logits, labels, groups, draws=DRAWS, seed=DRAWN_BY))

    def less(self, other: Scored) -> Scored:
        """The difference of two, draw by draw."""
        return Scored(self.value - other.value, self.draws - other.draws)


BySeed = Mapping[int, Scored]


@dataclass(frozen=True, slots=True)
class Effect:
    """One system, trained on one version."""

    system: str
    version: Version
    num_seeds: int
    auc: Estimate
    """The mean over seeds."""
    deviation: float
    """Between seeds; nan of one."""
    difference: Difference | None
    """Less the same system's on CLEAN, over the seeds that both have; None of CLEAN, and where they share none."""
    recovered: Estimate | None
    """Share of what DIRTY costs that is not lost any more; None where nothing was corrected, NOT_DEFINED where no loss
    is certain."""


def effects(system: str, scored: Mapping[Version, BySeed]) -> list[Effect]:
    """Of one system, on each version that it was trained on."""
    return [_effect(system, version, scored) for version in Version if scored.get(version)]


def _effect(system: str, version: Version, scored: Mapping[Version, BySeed]) -> Effect:
    own = list(scored[version].values())
    values = [one.value for one in own]
    difference = None if version is Version.CLEAN else _difference(scored[version], scored.get(Version.CLEAN, {}))
    return Effect(
        system=system,
        version=version,
        num_seeds=len(own),
        auc=over_seeds(values, [one.draws for one in own], seed=DRAWN_BY),
        deviation=float(np.std(values, ddof=1)) if len(values) > 1 else NAN,
        difference=difference,
        recovered=recovered(scored, version) if version in (Version.AUTOMATIC, Version.REVIEWED) else None,
    )


def recovered(scored: Mapping[Version, BySeed], version: Version) -> Estimate:
    """(version - DIRTY) / (CLEAN - DIRTY), paired by draw and by seed; NOT_DEFINED where no loss is certain."""
    clean, dirty, after = (scored.get(one, {}) for one in (Version.CLEAN, Version.DIRTY, version))
    seeds = [seed for seed in clean if seed in dirty and seed in after]
    loss = _difference({seed: dirty[seed] for seed in seeds}, clean)
    if loss is None or not loss.high < 0:
        return NOT_DEFINED
    gains = [after[seed].less(dirty[seed]) for seed in seeds]
    losses = [clean[seed].less(dirty[seed]) for seed in seeds]
    return ratio_over_seeds(
        [one.value for one in gains],
        [one.value for one in losses],
        [one.draws for one in gains],
        [one.draws for one in losses],
        seed=DRAWN_BY,
    )


def further_loss(own: Mapping[Version, BySeed], reference: Mapping[Version, BySeed]) -> Difference | None:
    """What DIRTY costs one system beyond what it costs the reference; above 0: the reference loses less."""
    return _difference(_losses(own), _losses(reference))


def _losses(scored: Mapping[Version, BySeed]) -> dict[int, Scored]:
    clean, dirty = scored.get(Version.CLEAN, {}), scored.get(Version.DIRTY, {})
    return {seed: one.less(dirty[seed]) for seed, one in clean.items() if seed in dirty}


def _difference(own: BySeed, other: BySeed) -> Difference | None:
    both: Sequence[int] = [seed for seed in own if seed in other]
    if not both:
        return None
    return difference_over_seeds(
        [own[seed].value for seed in both],
        [other[seed].value for seed in both],
        [own[seed].draws for seed in both],
        [other[seed].draws for seed in both],
        seed=DRAWN_BY,
    )
