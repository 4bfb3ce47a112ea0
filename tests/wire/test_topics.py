"""Topics are built and parsed in one place."""

from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.wire import topics
from appliance.wire.topics import Flow, Topic, TopicError

NAMES = st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True)


@given(NAMES)
def test_every_topic_of_a_box_parses_to_that_box(box: str) -> None:
    """What is built is what is parsed, for each direction."""
    assert topics.parse(topics.up(box)) == Topic(Flow.UP, box)
    assert topics.parse(topics.down(box)) == Topic(Flow.DOWN, box)
    assert topics.parse(topics.presence(box)) == Topic(Flow.PRESENCE, box)


def test_a_known_box_has_its_documented_topic() -> None:
    """The shard is crc32 modulo 64, as other programs compute it."""
    assert topics.up("baidoa") == f"fieldbox/1/u/{zlib.crc32(b'baidoa') % 64}/baidoa" == "fieldbox/1/u/28/baidoa"
    assert topics.parse("fieldbox/1/hub") == Topic(Flow.HUB, "")


def test_a_box_in_a_foreign_shard_is_refused() -> None:
    """A box that writes elsewhere could end on two workers at once."""
    wrong = (topics.shard("baidoa") + 1) % topics.SHARDS
    with pytest.raises(TopicError, match="not its own"):
        topics.parse(f"fieldbox/1/u/{wrong}/baidoa")


@pytest.mark.parametrize(
    "topic",
    [
        "", "fieldbox/1", "fieldbox/1/", "fieldbox/2/hub", "fieldbox/1/hub/", "fieldbox/1/u/+/+", "fieldbox/1/s/#",
        "fieldbox/1/u/028/baidoa", "fieldbox/1/u/28/baidoa/x", "fieldbox/1/x/28/baidoa", "fieldbox/1/s/Baidoa",
        "fieldbox/1/u/٢٨/baidoa", "fieldbox/1/s/toolongname", "fieldbox/1/s/", "fieldbox/1/s/a.b", "fieldbox/1/s/baidoa\n",
    ],
)  # fmt: skip
def test_any_other_topic_is_refused(topic: str) -> None:
    """One error type for everything that is not of this link."""
    with pytest.raises(TopicError):
        topics.parse(topic)


@pytest.mark.parametrize("name", ["", "Baidoa", "a.b", "a/b", "a+b", "ninechars", "bäidoa", "a b", "hub\n"])
def test_a_name_that_cannot_stand_in_a_topic_is_refused(name: str) -> None:
    """Names go into topics and broker permissions: no separators, no wildcards, no dots."""
    with pytest.raises(TopicError):
        topics.up(name)


@given(st.text())
def test_hostile_topics_raise_one_error_type(topic: str) -> None:
    """Whatever a broker hands over, parsing answers or raises TopicError."""
    with contextlib.suppress(TopicError):
        topics.parse(topic)
