"""MQTT topics of the link: built and parsed here and nowhere else.

::

    fieldbox/1/u/{shard}/{box}   box → hub     hello, batch, ack, bye
    fieldbox/1/d/{shard}/{box}   hub → box     hello, batch, ack, rewind, bye
    fieldbox/1/s/{box}           retained      presence of the box (birth, last will)
    fieldbox/1/hub               retained      presence of the consumer

``shard`` is ``crc32(box) mod 64``, so that one box stays in order on one worker. No personal data in a topic.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from enum import StrEnum

ROOT = "fieldbox/1"
SHARDS = 64
HUB = f"{ROOT}/hub"
ALL_UP = f"{ROOT}/u/+/+"
"""Filter of a worker that takes every shard."""
ALL_PRESENCE = f"{ROOT}/s/+"

_NAME = re.compile(r"[a-z0-9-]{1,8}")
_SHARD = re.compile(r"0|[1-9]\d?")


class TopicError(ValueError):
    """A topic or a name that is not of this link."""


class Flow(StrEnum):
    """What a topic carries."""

    UP = "u"
    DOWN = "d"
    PRESENCE = "s"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Topic:
    """A parsed topic; ``box`` is empty for the hub's presence."""

    flow: Flow
    box: str


def check_name(box: str) -> str:
    """The name itself; raises TopicError unless it is 1 to 8 of ``a-z 0-9 -`` (it stands in every topic)."""
    if not _NAME.fullmatch(box):
        raise TopicError(f"not a name of a box: {box[:20]!r}")
    return box


def shard(box: str) -> int:
    """The shard of a box, 0 to 63."""
    return zlib.crc32(check_name(box).encode("ascii")) % SHARDS


def up(box: str) -> str:
    """Where a box writes to the hub: ``up("baidoa") == "fieldbox/1/u/10/baidoa"``."""
    return f"{ROOT}/u/{shard(box)}/{box}"


def down(box: str) -> str:
    """Where the hub writes to a box."""
    return f"{ROOT}/d/{shard(box)}/{box}"


def presence(box: str) -> str:
    """Where a box says that it is there (retained)."""
    return f"{ROOT}/s/{check_name(box)}"


def parse(topic: str) -> Topic:
    """What a topic means; raises TopicError for any other topic, and for a box in a shard that is not its own."""
    if topic == HUB:
        return Topic(Flow.HUB, "")
    if not topic.startswith(f"{ROOT}/"):
        raise TopicError("not a topic of this link")
    levels = topic.removeprefix(f"{ROOT}/").split("/")
    if len(levels) == 2 and levels[0] == Flow.PRESENCE:
        return Topic(Flow.PRESENCE, check_name(levels[1]))
    if len(levels) != 3 or levels[0] not in (Flow.UP, Flow.DOWN) or not _SHARD.fullmatch(levels[1]):
        raise TopicError("not a topic of this link")
    box = check_name(levels[2])
    if int(levels[1]) != shard(box):
        raise TopicError(f"{box} wrote in shard {levels[1]}, which is not its own")
    return Topic(Flow(levels[0]), box)
