"""Accounts: who may log in, bearer tokens, and the brake on guessing."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from uuid import UUID

from werkzeug.security import check_password_hash, generate_password_hash

from appliance.domain.failure import Refused, failure
from appliance.domain.records import Actor, Role
from appliance.domain.text import clean
from appliance.store import Store, Tx, audit
from appliance.store import tables as t
from appliance.store.database import Row

FREE_TRIES = 5
SHORTEST_PASSWORD = 8
_NOBODY = "scrypt:32768:8:1$0000000000000000$" + "0" * 128
"""Checked when a name is unknown, so that the answer takes as long."""


def has_users(store: Store) -> bool:
    """Whether anybody can log in."""
    with store.read() as tx:
        return tx.one(t.Users.select(t.Users.id)) is not None


def create_user(store: Store, name: str, password: str, *, display: str, role: Role, language: str = "en") -> Actor:
    """Adds an account; raises Refused when the name is taken or the password too short."""
    plain = name.strip().casefold()
    if not plain or len(password) < SHORTEST_PASSWORD:
        raise Refused(failure("input.account"))
    hashed = generate_password_hash(password)
    shown = " ".join(clean(display or name).split())
    with store.write() as tx:
        if tx.one(t.Users.select().where(t.Users.name == plain)) is not None:
            raise Refused(failure("input.name-taken"))
        record = tx.new_id()
        tx.insert(
            t.Users,
            id=record,
            name=plain,
            display=shown,
            password=hashed,
            role=role.value,
            language=language,
            version=1,
        )
        audit.note(tx, "administrator", "user.create", record, role=role.value)
        return Actor(shown, record, role, language)


def set_password(store: Store, name: str, password: str) -> None:
    """Sets a new password and ends all sessions of the account; raises Refused."""
    if len(password) < SHORTEST_PASSWORD:
        raise Refused(failure("input.account"))
    hashed = generate_password_hash(password)
    with store.write() as tx:
        row = tx.one(t.Users.select().where(t.Users.name == name.strip().casefold()))
        if row is None:
            raise Refused(failure("input.not-found"))
        tx.run(t.Users.update(password=hashed, version=row["version"] + 1).where(t.Users.id == row["id"]))
        audit.note(tx, "administrator", "user.password", row["id"])


def users(store: Store) -> list[tuple[str, Actor]]:
    """All accounts: log-in name and who it is."""
    with store.read() as tx:
        return [(row["name"], _actor(row)) for row in tx.all(t.Users.select().order_by(t.Users.name))]


def authenticate(store: Store, name: str, password: str) -> Actor:
    """Who logs in with this name and password; raises Refused (auth.wrong, or auth.throttled after repeated failures)."""
    plain = name.strip().casefold()[:80]
    with store.read() as tx:
        _check_brake(tx, plain)
        row = tx.one(t.Users.select().where(t.Users.name == plain))
    right = check_password_hash(row["password"] if row else _NOBODY, password)
    if row is None or not right:
        with store.write() as tx:
            _brake(tx, plain)
            audit.note(tx, "visitor", "login.failed", "account")
        raise Refused(failure("auth.wrong"))
    with store.write() as tx:
        tx.run(t.Throttle.delete().where(t.Throttle.name == plain))
        audit.note(tx, row["name"], "login", row["id"])
    return _actor(row)


def session_version(store: Store, user: UUID) -> int:
    """The number a session must carry to be valid; 0 for an unknown account."""
    with store.read() as tx:
        return int(tx.value(t.Users.select(t.Users.version).where(t.Users.id == user)) or 0)


def actor_of_user(store: Store, user: UUID, version: int) -> Actor | None:
    """Who a session belongs to, or None when it has ended."""
    with store.read() as tx:
        row = tx.one(t.Users.select().where((t.Users.id == user) & (t.Users.version == version)))
        return _actor(row) if row else None


def create_token(store: Store, user: UUID, scopes: Collection[str], label: str) -> str:
    """A new bearer token of an account, shown this once; only its digest is kept.

    Raises Refused without scopes: none would mean all.
    """
    if not scopes:
        raise Refused(failure("auth.scope"))
    token = f"fb_{secrets.token_urlsafe(32)}"
    with store.write() as tx:
        tx.insert(
            t.Tokens,
            id=tx.new_id(),
            user=user,
            digest=_digest(token),
            scopes=" ".join(sorted(scopes)),
            label=label,
            created_at=tx.now.ms,
        )
        audit.note(tx, "administrator", "token.create", user, label=label)
    return token


def actor_of_token(store: Store, token: str) -> Actor | None:
    """Who a bearer token belongs to, or None."""
    with store.read() as tx:
        found = tx.one(t.Tokens.select().where(t.Tokens.digest == _digest(token)))
        row = tx.one(t.Users.select().where(t.Users.id == found["user"])) if found else None
        if found is None or row is None:
            return None
        return _actor(row, frozenset(found["scopes"].split()))


def set_language(store: Store, user: UUID, language: str) -> None:
    """Remembers the language an account reads."""
    with store.write() as tx:
        tx.run(t.Users.update(language=language).where(t.Users.id == user))


def _actor(row: Row, scopes: frozenset[str] = frozenset()) -> Actor:
    return Actor(row["display"], row["id"], Role(row["role"]), row["language"], scopes)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _check_brake(tx: Tx, name: str) -> None:
    row = tx.one(t.Throttle.select().where(t.Throttle.name == name))
    if row is not None and row["boot"] == tx.now.boot and tx.now.mono_ms < row["until_mono_ms"]:
        raise Refused(failure("auth.throttled"))


def _brake(tx: Tx, name: str) -> None:
    """After the free tries each failure doubles the wait, from 2 s to 15 minutes; counted on the clock that never jumps."""
    row = tx.one(t.Throttle.select().where(t.Throttle.name == name))
    failures = (row["failures"] if row else 0) + 1
    wait_s = 0 if failures < FREE_TRIES else min(900, 2 << min(failures - FREE_TRIES, 9))
    values = {"failures": failures, "boot": tx.now.boot, "until_mono_ms": tx.now.mono_ms + wait_s * 1000}
    tx.upsert(t.Throttle, {"name": name}, values)
