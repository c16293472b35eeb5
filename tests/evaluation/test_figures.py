"""Figures live inside a page: legible text, the page's colours, nothing from outside."""

import base64
import io
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image

from camenn.evaluation.figures import (
    MAX_POINTS,
    SERIES,
    THUMBNAIL_SIDE,
    Line,
    curve_panel,
    expert_panel,
    reliability_panel,
    thumbnail,
)
from camenn.metrics.calibration import reliability


def curve(num_points=20, label="Learning curve: loss"):
    steps = np.arange(num_points, dtype=float)
    return curve_panel([Line(0, steps, np.exp(-steps / 50))], last_step=float(num_points), label=label)


def calibrated(probabilities, labels):
    return reliability_panel(reliability(probabilities, labels), np.asarray(probabilities), label="Calibration")


def every_panel():
    rng = np.random.default_rng(0)
    probabilities = rng.beta(2, 6, size=500)
    return [
        curve(),
        calibrated(probabilities, rng.random(500) < probabilities),
        expert_panel(np.ones(4) / 4, label="E"),
    ]


def test_panels_are_well_formed_and_need_nothing_from_outside():
    for panel in every_panel():
        root = ElementTree.fromstring(panel.replace("xlink:href", "href"))
        assert root.tag == "svg"
        assert "http" not in panel
        assert "<style" not in panel
        referenced = {use.get("href") for use in root.iter("use")}
        assert referenced <= {f"#{element.get('id')}" for element in root.iter() if element.get("id")}


def test_text_stays_text_and_colours_follow_the_page():
    for panel in every_panel():
        assert "<text" in panel
        assert panel.count("var(--muted, ") > 2
        assert "var(--series-1, " in panel
        assert SERIES[0] not in panel.replace(f", {SERIES[0]})", "")


def test_the_same_figure_is_the_same_to_the_byte_and_others_share_no_ids():
    assert curve() == curve()
    ids = [
        {element.get("id") for element in ElementTree.fromstring(panel.replace("xlink:href", "href")).iter()} - {None}
        for panel in (curve(label="one"), curve(label="two"))
    ]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_labels_are_escaped():
    assert 'aria-label="&lt;b&gt;&#34;"' in curve(label='<b>"')


def test_long_curves_are_thinned_but_keep_their_ends():
    long, short = curve(20_000), curve(MAX_POINTS)
    assert len(long) < 1.5 * len(short)


def test_matplotlib_is_left_as_it_was():
    before = dict(matplotlib.rcParams)
    every_panel()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [([0.3], [1]), ([0.0] * 5, [0] * 5), ([1.0] * 5, [1] * 5), ([0.001] * 50, [0] * 50)],
)
def test_calibration_of_the_least_there_can_be_is_drawn(probabilities, labels):
    assert calibrated(probabilities, labels).startswith("<svg")


def test_one_expert_and_many_are_drawn():
    assert expert_panel(np.ones(1), label="one").startswith("<svg")
    assert expert_panel(np.ones(64) / 64, label="many").startswith("<svg")


def opened(uri):
    head, _, body = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "P", "L", "RGBA", "1"])
def test_thumbnails_are_small_whatever_the_picture(mode):
    buffer = io.BytesIO()
    Image.new(mode, (900, 300)).save(buffer, "TIFF")
    assert opened(thumbnail(buffer.getvalue())).size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 3)


def test_small_pictures_are_not_blown_up():
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "PNG")
    assert opened(thumbnail(buffer.getvalue())).size == (1, 1)


def test_a_picture_that_cannot_be_read_has_no_thumbnail(picture):
    assert thumbnail(b"no picture") is None
    assert thumbnail(b"") is None
    assert thumbnail(picture()[:400]) is None
