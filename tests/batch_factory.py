"""Small random batches, built by hand, so that models are tested without a shop."""

from dataclasses import replace

import torch

from camenn.batches.batch import Items, PairBatch, RequestBatch, Tokens
from camenn.layers.embedding import Fields
from camenn.models.output import ModelInputs

TEXT_WIDTH, IMAGE_WIDTH, MAX_TEXT, PATCHES = 12, 10, 6, 9
INPUTS = ModelInputs(
    num_codes=60,
    item_fields=Fields(slots=(1, 2)),
    context_fields=Fields(slots=(1, 1)),
    num_row_fields=1,
    num_numbers=2,
    text_width=TEXT_WIDTH,
    image_width=IMAGE_WIDTH,
    max_text=MAX_TEXT,
    max_patches=PATCHES,
    max_steps=8,
)


def tokens(generator: torch.Generator, lengths: list[int], width: int) -> Tokens:
    """Tokens of items with these lengths; item 0 is padding and has none."""
    item = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    position = torch.cat([torch.arange(length) for length in lengths])
    vectors = torch.randn(len(item), width, generator=generator)
    pooled = torch.zeros(len(lengths), width).index_add(0, item, vectors)
    count = torch.tensor(lengths)
    return Tokens(
        vectors=vectors,
        item=item,
        position=position,
        pooled=pooled / count.clamp_min(1)[:, None],
        present=count > 0,
        length=max(lengths),
    )


def items(generator: torch.Generator, num_items: int) -> Items:
    """`num_items` items behind the padding one; item 2 has no text, item 3 no picture."""
    text = [0, *(int(torch.randint(1, MAX_TEXT + 1, (), generator=generator)) for _ in range(num_items))]
    image = [0, *([PATCHES] * num_items)]
    if num_items >= 3:
        text[2], image[3] = 0, 0
    codes = torch.randint(1, 20, (num_items + 1, 3), generator=generator)
    codes[0] = 0
    codes[1::2, 2] = 0  # a list of one value where two fit
    return Items(
        rows=torch.arange(num_items + 1),
        codes=codes,
        text=tokens(generator, text, TEXT_WIDTH),
        image=tokens(generator, image, IMAGE_WIDTH),
        num_whole=num_items + 1,
    )


def request_batch(
    *, seed: int = 0, num_requests: int = 3, num_candidates: int = 4, whole: bool = False
) -> RequestBatch:
    """Requests with histories of different lengths, the first of them empty."""
    generator = torch.Generator().manual_seed(seed)
    num_items, steps = 6, 3
    history = torch.randint(1, num_items + 1, (num_requests, steps), generator=generator)
    for row in range(num_requests):
        history[row, : steps - row % (steps + 1)] = 0
    outcome = torch.where(history > 0, torch.randint(1, 3, history.shape, generator=generator), 0)
    outcome[-1, -2:] = torch.tensor([1, 2])  # both in every batch
    age = torch.where(history > 0, torch.randint(1, 20, history.shape, generator=generator), 0)
    num_rows = num_requests * num_candidates
    return RequestBatch(
        items=items(generator, num_items),
        context=torch.randint(20, 40, (num_requests, 2), generator=generator),
        history=history,
        history_outcome=outcome,
        history_age=age,
        history_whole=whole,
        candidates=torch.randint(1, num_items + 1, (num_rows,), generator=generator),
        request=torch.arange(num_requests).repeat_interleave(num_candidates),
        row_codes=torch.randint(40, 60, (num_rows, 1), generator=generator),
        row_numbers=torch.randn(num_rows, 2, generator=generator),
        labels=torch.randint(0, 2, (num_rows,), generator=generator).float(),
    )


def pair_batch(*, seed: int = 0) -> PairBatch:
    """Positives of the items 1, 4, 5, 6 (whole ones) and negatives of either task."""
    generator = torch.Generator().manual_seed(seed)
    whole = torch.tensor([1, 4, 5, 6])
    other = whole.roll(1)
    positive = torch.tensor([True] * 4 + [False] * 8)
    is_text = torch.tensor([False] * 4 + [True] * 4 + [False] * 4)
    return PairBatch(
        items=items(generator, 6),
        text=torch.cat([whole, other, whole]),
        image=torch.cat([whole, whole, other]),
        labels=positive.float(),
        image_to_text=positive | is_text,
        text_to_image=positive | (~is_text & ~positive),
        text_group=torch.arange(7),
    )


def one_row(batch: RequestBatch, row: int) -> RequestBatch:
    """The batch with one candidate of one request alone."""
    request = int(batch.request[row])
    return replace(
        batch,
        context=batch.context[[request]],
        history=batch.history[[request]],
        history_outcome=batch.history_outcome[[request]],
        history_age=batch.history_age[[request]],
        candidates=batch.candidates[[row]],
        request=torch.zeros(1, dtype=torch.int64),
        row_codes=batch.row_codes[[row]],
        row_numbers=batch.row_numbers[[row]],
        labels=batch.labels[[row]],
    )
