"""The three tasks one network learns together (paper, section 3.4)."""

from enum import StrEnum


class Task(StrEnum):
    """What a logit answers. The order is the order of gates, towers and heads."""

    CONVERSION = "conversion"
    """CVR: will this user buy this item?"""

    IMAGE_TO_TEXT = "image_to_text"
    """ITA: does the text fit the picture? Negatives take another item's text."""

    TEXT_TO_IMAGE = "text_to_image"
    """TIA: does the picture fit the text? Negatives take another item's picture."""


ALIGNMENT_TASKS = (Task.IMAGE_TO_TEXT, Task.TEXT_TO_IMAGE)
