"""Which texts and pictures are drawn together, and which held apart, after reviewers' decisions."""

from dataclasses import fields, replace

import numpy as np

from camenn.batches.pairing import Pairing
from camenn.batches.pairs import Pairs, draw_pairs

NUM_ROWS = 12
ITEMS = np.arange(2, NUM_ROWS, dtype=np.int32)
GROUPS = np.arange(NUM_ROWS, dtype=np.int64)


def decided(*, text: dict[int, int], image: dict[int, int], wrong_text: list[int], wrong_image: list[int]) -> Pairing:
    """Whose text and whose picture some rows have; the first two wherever they differ are reviewed."""
    own = Pairing.own(NUM_ROWS)
    held = {name: getattr(own, name).copy() for name in ("text", "image", "wrong_text", "wrong_image", "reviewed")}
    for name, given in (("text", text), ("image", image)):
        held[name][list(given)] = list(given.values())
    held["wrong_text"][wrong_text], held["wrong_image"][wrong_image] = True, True
    held["reviewed"] |= (held["text"] > 0) & ((held["text"] != own.text) | (held["image"] != own.image))
    return Pairing(**held)


PAIRING = decided(text={3: 7, 5: 0}, image={4: 9, 5: 0}, wrong_text=[3, 5], wrong_image=[4, 5])
"""Item 3 shows what 7 says, 4 says what 9 shows, of 5 nobody knows."""


def drawn(pairing: Pairing | None, *, groups: np.ndarray = GROUPS, negatives: int = 2, seed: int = 0) -> Pairs:
    return draw_pairs(ITEMS, groups, negatives=negatives, rng=np.random.default_rng(seed), pairing=pairing)


def listed(pairs: Pairs, where: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(pairs.text[where].tolist(), pairs.image[where].tolist(), strict=True))


def test_nothing_decided_draws_what_is_drawn_without() -> None:
    one, other = drawn(None), drawn(Pairing.own(NUM_ROWS))
    assert all((getattr(one, field.name) == getattr(other, field.name)).all() for field in fields(Pairs))
    assert listed(one, one.labels > 0) == [(row, row) for row in ITEMS]


def test_what_was_corrected_is_a_positive_and_the_own_pair_a_negative_of_the_task_that_asks() -> None:
    pairs = drawn(PAIRING)
    positives = listed(pairs, pairs.labels > 0)
    assert positives == [(2, 2), (7, 3), (4, 9), *((row, row) for row in range(6, NUM_ROWS))]
    assert pairs.image_to_text[pairs.labels > 0].all()
    assert pairs.text_to_image[pairs.labels > 0].all()
    own = [
        (text, bool(ita), bool(tia))
        for text, image, label, ita, tia in zip(
            pairs.text, pairs.image, pairs.labels, pairs.image_to_text, pairs.text_to_image, strict=True
        )
        if text == image and label == 0
    ]
    assert own == [(3, True, False), (4, False, True), (5, True, True)]


def test_what_fits_is_never_drawn_as_a_negative() -> None:
    pairs = drawn(PAIRING, negatives=40)
    negatives = set(listed(pairs, pairs.labels == 0))
    assert not negatives & {(7, 3), (7, 7), (4, 9), (9, 9)}
    assert {row for pair in negatives for row in pair} >= set(range(2, NUM_ROWS))
    assert {pair for pair in negatives if 5 in pair} == {(5, 5)}  # what else fits its text or picture nobody knows
    same_text = GROUPS.copy()
    same_text[8] = same_text[7]
    negatives = set(listed(*(lambda found: (found, found.labels == 0))(drawn(PAIRING, groups=same_text, negatives=40))))
    assert not negatives & {(7, 3), (8, 3), (7, 8), (8, 7)}


def test_a_decision_reaches_no_further_than_its_part() -> None:
    everywhere, part = np.ones(NUM_ROWS, dtype=bool), np.ones(NUM_ROWS, dtype=bool)
    part[[0, 1, 4, 7]] = False
    inside = PAIRING.within(part, has_text=everywhere, has_image=everywhere)
    assert np.flatnonzero(inside.known).tolist() == [2, 6, 8, 9, 10, 11]  # what 3 says is held out
    assert np.flatnonzero(inside.wrong_text).tolist() == [3, 5]
    assert np.flatnonzero(inside.wrong_image).tolist() == [5]
    assert not inside.reviewed.any()


def test_a_pair_needs_the_text_and_the_picture_that_were_decided_on() -> None:
    has_text, has_image = np.ones(NUM_ROWS, dtype=bool), np.ones(NUM_ROWS, dtype=bool)
    has_text[3], has_image[7] = False, False
    inside = PAIRING.within(np.ones(NUM_ROWS, dtype=bool), has_text=has_text, has_image=has_image)
    assert inside.known[3]  # 3 has no text of its own, 7 no picture: the picture of 3 with the text of 7
    assert not inside.wrong[3]
    assert not inside.known[7]


def test_the_digest_is_of_what_was_decided() -> None:
    assert PAIRING.digest == replace(PAIRING, text=PAIRING.text.copy()).digest
    others = [
        replace(PAIRING, reviewed=PAIRING.reviewed | (np.arange(NUM_ROWS) == 10)),
        replace(PAIRING, wrong_image=PAIRING.wrong_image & (np.arange(NUM_ROWS) != 5)),
        Pairing.own(NUM_ROWS),
    ]
    assert len({PAIRING.digest, *(other.digest for other in others)}) == 4
