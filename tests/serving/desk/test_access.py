"""Tokens and sessions: who is let in, for how long, and what is wrong with a list of reviewers."""

import time
from pathlib import Path

import pytest

from camenn.errors import ConfigError
from camenn.serving.desk import access
from camenn.serving.desk.access import Reviewers, Sessions, read_reviewers, shared_token


def test_reviewers_are_known_by_their_tokens() -> None:
    reviewers = Reviewers({"reviewer_one": "token of reviewer_one", "reviewer_two": "token of reviewer_two"})
    assert [
        reviewers.who(token, "reviewer_three")
        for token in ("token of reviewer_one", "token of reviewer_two", "token", "")
    ] == [
        "reviewer_one",
        "reviewer_two",
        None,
        None,
    ]


def test_a_shared_token_is_new_each_time_and_takes_a_name() -> None:
    one, other = shared_token("root"), shared_token("root")
    assert one.shared
    assert other.shared
    assert one.shared != other.shared
    assert len(one.shared) >= 32
    assert one.who(one.shared, "  Dana ") == "Dana"
    assert one.who(one.shared, "\x00\n") == "root"
    assert one.who(one.shared, "x" * 100) == "x" * 60
    assert one.who(other.shared, "Dana") is None


def test_a_session_ends_by_itself_and_by_signing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions()
    cookie, other = sessions.begin("reviewer_one"), sessions.begin("reviewer_one")
    found = sessions.find(cookie)
    assert found is not None
    assert found.reviewer == "reviewer_one"
    assert sessions.find("made up") is None
    sessions.end(other)
    assert sessions.find(other) is None
    later = time.monotonic() + access.SESSION_S + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert sessions.find(cookie) is None


def test_reviewers_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "reviewers.toml"
    path.write_text('reviewer_one = "sixteen-letters-"\n"reviewer_two B." = "other-sixteen-letters"\n')
    assert read_reviewers(path) == Reviewers(
        {"reviewer_one": "sixteen-letters-", "reviewer_two B.": "other-sixteen-letters"}
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("reviewer_one = ", "not readable as TOML"),
        ("", "names no reviewer"),
        ('reviewer_one = "short"', "the token of 'reviewer_one' is no text of 16 characters or more"),
        ("reviewer_one = 1234567890123456", "the token of 'reviewer_one' is no text"),
        ('[reviewer_one]\ntoken = "sixteen-letters-"', "the token of 'reviewer_one' is no text"),
        ('" " = "sixteen-letters-"', "is no name of 1 to 60 printable characters"),
        ('reviewer_one = "sixteen-letters-"\nbob = "sixteen-letters-"', "two reviewers have the same token"),
    ],
)
def test_a_file_that_names_no_reviewers_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "reviewers.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_reviewers(path)
    with pytest.raises(ConfigError, match="no such file"):
        read_reviewers(tmp_path / "gone.toml")
