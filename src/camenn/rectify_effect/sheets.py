"""The effect as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from camenn.comparison.config import ComparisonConfig
from camenn.comparison.sheets import Sheet
from camenn.metrics.intervals import Difference, Estimate
from camenn.rectify_effect.recovery import Asked, BySeed, Effect, further_loss
from camenn.rectify_effect.versions import Corrected, Version

NONE = "–"
_TITLES = {
    Asked.CLEAN: "What training on each catalogue costs: AUC of conversion, {shop}, asked about the clean catalogue",
    Asked.OWN: "What a shop with that catalogue sees: AUC of conversion, {shop}, asked about the catalogue trained on",
}


def main_sheet(asked: Asked, found: Sequence[Effect], config: ComparisonConfig, done: Corrected, *, shop: str) -> Sheet:
    """A line a system and version."""
    rows = [
        (
            one.system,
            one.version,
            _mean(one),
            "" if one.version is Version.CLEAN else _difference(one.difference),
            _recovered(one.recovered),
            _per_100(one, done),
        )
        for one in found
    ]
    columns = "system", "trained on", "AUC", "less than on clean", "share of the loss recovered", "per 100 decisions"
    return Sheet("effect", _TITLES[asked].format(shop=shop), columns, tuple(rows), tuple(_notes(found, config)))


def loss_sheet(scored: Mapping[str, Mapping[Version, BySeed]], config: ComparisonConfig, *, shop: str) -> Sheet:
    """Whether the reference loses less by faults than each other system."""
    own = scored.get(config.reference, {})
    rows = []
    for system in config.systems:
        if system != config.reference:
            further = further_loss(scored.get(system, {}), own)
            rows.append((system, _difference(further), _verdict(further, config.reference)))
    title = f"Does {config.reference} lose less by training on the dirty catalogue? {shop}, asked about the clean one"
    columns = "system", f"loses more than {config.reference} by", f"does {config.reference} lose less?"
    return Sheet("loss", title, columns, tuple(rows))


def notes_on(done: Corrected) -> str:
    """What was planted, found and done, in sentences."""
    return (
        f"{done.num_faults} of {done.num_items} items have a fault. `rectify` made {done.num_decisions} findings, of "
        f"these and of other items. By itself it corrected {done.num_automatic}, of them {done.num_automatic_right} "
        f"rightly (automatic). A reviewer who knows the truth decides on all {done.num_decisions} findings and accepts "
        f"the {done.num_accepted} with a suggestion that puts right what is wrong, in {done.num_mended} items "
        "(reviewed).\n"
    ) + "".join(f"\nNothing was corrected in {one}: its figures are those of dirty.\n" for one in done.unchanged)


def table_of(found: Mapping[Asked, Sequence[Effect]], done: Corrected) -> pl.DataFrame:
    """All of it as a table, for whoever makes tables of their own."""
    return pl.DataFrame(
        [_line(asked, one, done) for asked, own in found.items() for one in own], infer_schema_length=None
    )


def _line(asked: Asked, one: Effect, done: Corrected) -> dict[str, str | float | None]:
    difference, recovered = one.difference, one.recovered
    return {
        "catalogue": asked.value,
        "system": one.system,
        "version": one.version.value,
        "num_seeds": one.num_seeds,
        "auc": one.auc.value,
        "auc_low": one.auc.low,
        "auc_high": one.auc.high,
        "deviation": one.deviation,
        "difference": None if difference is None else difference.value,
        "difference_low": None if difference is None else difference.low,
        "difference_high": None if difference is None else difference.high,
        "recovered": None if recovered is None else recovered.value,
        "recovered_low": None if recovered is None else recovered.low,
        "recovered_high": None if recovered is None else recovered.high,
        "recovered_per_100": per_100(one, done),
        "num_decisions": done.num_decisions if one.version is Version.REVIEWED else 0,
        "num_corrections": {Version.AUTOMATIC: done.num_automatic, Version.REVIEWED: done.num_mended}.get(
            one.version, 0
        ),
    }


def per_100(one: Effect, done: Corrected) -> float | None:
    """Share of the loss that a hundred of a reviewer's decisions bring back."""
    if one.version is not Version.REVIEWED or one.recovered is None or not done.num_decisions:
        return None
    return 100.0 * one.recovered.value / done.num_decisions


def _notes(found: Sequence[Effect], config: ComparisonConfig) -> list[str]:
    over = f"Mean ± standard deviation over {len(config.seeds)} seeds" if len(config.seeds) > 1 else "One seed"
    notes = [
        f"{over}. 95% intervals by the bootstrap over requests and seeds, paired. Faults were planted, found and "
        "corrected once: how figures vary with that, the intervals do not say. A share is not defined where the "
        "interval of the loss includes zero."
    ]
    notes += [
        f"{one.system}, {one.version}: {one.num_seeds} of {len(config.seeds)} seeds; the others failed."
        for one in found
        if one.num_seeds < len(config.seeds)
    ]
    there = {(one.system, one.version) for one in found}
    notes += [
        f"{system}, {version}: no run finished; its error.txt says why."
        for system in config.systems
        for version in Version
        if (system, version) not in there
    ]
    return notes


def _mean(one: Effect) -> str:
    if math.isnan(one.auc.value):
        return "not defined"
    return f"{one.auc.value:.4f}" + ("" if math.isnan(one.deviation) else f" ± {one.deviation:.4f}")


def _difference(found: Difference | None) -> str:
    if found is None or math.isnan(found.value):
        return NONE
    return f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})".replace("-", "−")


def _recovered(found: Estimate | None) -> str:
    if found is None:
        return ""
    if math.isnan(found.value):
        return "not defined"
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})".replace("-", "−")


def _per_100(one: Effect, done: Corrected) -> str:
    share = per_100(one, done)
    if share is None:
        return ""
    return "not defined" if math.isnan(share) else f"{share:.0%}".replace("-", "−")


def _verdict(further: Difference | None, reference: str) -> str:
    if further is None or math.isnan(further.value):
        return "cannot be said"
    if further.low > 0:
        return "yes"
    return f"no, {reference} loses more" if further.high < 0 else "cannot be told"
