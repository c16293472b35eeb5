"""The fields of a row as vectors."""

from batch_factory import INPUTS, request_batch
from camenn.models.field_frames import field_reader


def test_the_table_is_read_once_a_batch() -> None:
    reader = field_reader(INPUTS, width=4, id_dropout=0.0)
    readings: list[int] = []
    reader.table.register_forward_hook(lambda table, given, made: readings.append(made.shape[0]))
    batch = request_batch()
    reader(batch)
    assert readings == [batch.context.numel() + batch.items.codes.numel() + batch.row_codes.numel()]
