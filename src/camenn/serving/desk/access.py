"""Who may use the desk: tokens, sessions, and what keeps another site from acting in a reviewer's name."""

import hashlib
import hmac
import secrets
import threading
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from camenn.errors import ConfigError

SESSION_S = 12 * 3600.0
"""A long working day."""
SHORTEST_TOKEN = 16
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Reviewers:
    """Those who may sign in: by tokens of their own, or by one that they share."""

    tokens: Mapping[str, str] = field(default_factory=dict)
    """By name."""
    shared: str | None = None
    """Whoever has it says their name."""
    default_name: str = "reviewer"
    """Of one who has the shared token and says none."""

    def who(self, token: str, name: str) -> str | None:
        """The name of the reviewer with this token, None for a token of nobody; every token is compared to its end."""
        given, found = token.encode(), None
        for reviewer, own in self.tokens.items():
            if hmac.compare_digest(own.encode(), given):
                found = reviewer
        if self.shared is not None and hmac.compare_digest(self.shared.encode(), given):
            printable = "".join(letter for letter in name if letter.isprintable()).strip()
            found = printable[:LONGEST_NAME] or self.default_name
        return found


def shared_token(default_name: str) -> Reviewers:
    """Reviewers who share a new token, which nobody can guess."""
    return Reviewers(shared=secrets.token_urlsafe(24), default_name=default_name)


def read_reviewers(path: Path) -> Reviewers:
    """Reviewers from a TOML file of lines `name = "token"`. Raises ConfigError for one that is not so."""
    try:
        held = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not readable as TOML: {error}") from None
    if not held:
        raise ConfigError(f'{path}: names no reviewer; write lines such as anna = "a long random token"')
    for name, token in held.items():
        if not isinstance(token, str) or len(token) < SHORTEST_TOKEN:
            raise ConfigError(f"{path}: the token of {name!r} is no text of {SHORTEST_TOKEN} characters or more")
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise ConfigError(f"{path}: {name!r} is no name of 1 to {LONGEST_NAME} printable characters")
    if len(set(held.values())) < len(held):
        raise ConfigError(f"{path}: two reviewers have the same token; nobody could tell who decided")
    return Reviewers(tokens=held)


@dataclass(frozen=True, slots=True)
class Session:
    """A reviewer who has signed in."""

    reviewer: str
    csrf: str
    """What the forms of this session carry, and no other site knows."""
    ends_at: float

    def is_own(self, csrf: str) -> bool:
        """Whether a form was made by this session's pages."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class Sessions:
    """Who is signed in, kept in memory by the digest of what the cookie holds."""

    def __init__(self) -> None:
        self._held: dict[bytes, Session] = {}
        self._lock = threading.Lock()

    def begin(self, reviewer: str) -> str:
        """Sign a reviewer in; returns what the cookie is to hold."""
        cookie, now = secrets.token_urlsafe(32), time.monotonic()
        with self._lock:
            self._held = {key: held for key, held in self._held.items() if held.ends_at > now}
            self._held[_digest(cookie)] = Session(reviewer, secrets.token_urlsafe(32), now + SESSION_S)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, None where there is none or it has ended."""
        found = self._held.get(_digest(cookie))
        return found if found is not None and found.ends_at > time.monotonic() else None

    def end(self, cookie: str) -> None:
        """Sign out."""
        with self._lock:
            self._held.pop(_digest(cookie), None)


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
