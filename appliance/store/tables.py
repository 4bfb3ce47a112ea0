"""The tables as peewee sees them; bound to no database, so that many stores live side by side in one process.

The truth about columns is in ``migrations``; a test holds both equal. Times are ms of Unix time. ``cursor`` is the
record's place in the order of creation in this store (the store's counter, so it never goes back).
"""

from __future__ import annotations

from peewee import BigIntegerField, BinaryUUIDField, BlobField, CompositeKey, IntegerField, Model, TextField


class Table(Model):
    """Base of all tables."""

    class Meta:
        database = None
        legacy_table_names = False


class SchemaVersion(Table):
    """The step of the migrations this database stands at."""

    version = IntegerField()

    class Meta:
        primary_key = False


class Node(Table):
    """This node: one row, locked by every writing transaction."""

    id = IntegerField(primary_key=True)
    name = TextField()
    kind = TextField()
    incarnation = BigIntegerField()
    counter = BigIntegerField()
    hlc = BigIntegerField()
    boots = BigIntegerField()
    created_at = BigIntegerField()


class Lines(Table):
    """Lines by local number."""

    id = BigIntegerField(primary_key=True)
    scheme = TextField()
    address = TextField()


class Contacts(Table):
    id = BinaryUUIDField(primary_key=True)
    name = TextField()
    name_hlc = BigIntegerField()
    alias_of = BinaryUUIDField(null=True)
    created_at = BigIntegerField()
    cursor = BigIntegerField()


class ContactLines(Table):
    contact = BinaryUUIDField()
    line = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("contact", "line")


class Conversations(Table):
    id = BinaryUUIDField(primary_key=True)
    contact = BinaryUUIDField()
    line = BigIntegerField()
    box = TextField()
    state = TextField()
    unread = IntegerField()
    last_message = BinaryUUIDField(null=True)
    last_at = BigIntegerField()
    waiting_since = BigIntegerField(null=True)
    alias_of = BinaryUUIDField(null=True)
    cursor = BigIntegerField()


class Content(Table):
    """Texts and raw PDUs, apart from the facts; a tombstone keeps the digest."""

    id = BinaryUUIDField(primary_key=True)
    text = TextField(null=True)
    pdu = BlobField(null=True)
    salt = BlobField(null=True)
    digest = BlobField()
    sealed_to = TextField(null=True)
    sealed = BlobField(null=True)
    erased_at = BigIntegerField(null=True)


class Messages(Table):
    id = BinaryUUIDField(primary_key=True)
    cursor = BigIntegerField()
    conversation = BinaryUUIDField()
    contact = BinaryUUIDField()
    line = BigIntegerField()
    direction = TextField()
    channel = TextField()
    carrier = TextField()
    state = TextField()
    encoding = TextField()
    parts = IntegerField()
    content = BinaryUUIDField()
    at = BigIntegerField()
    clock = TextField()
    boot = TextField()
    hlc = BigIntegerField()
    author = TextField()
    automatic = IntegerField()
    priority = TextField()
    expires_at = BigIntegerField(null=True)
    in_reply_to = BinaryUUIDField(null=True)
    attempt = IntegerField()
    failure = TextField()
    next_try_at = BigIntegerField(null=True)
    reference = IntegerField(null=True)
    missing = TextField()
    told_parts = TextField()
    peer = TextField()
    lane = IntegerField()
    seq = BigIntegerField()


class Parts(Table):
    """Parts of messages this node carries."""

    id = BinaryUUIDField(primary_key=True)
    message = BinaryUUIDField()
    number = IntegerField()
    of = IntegerField()
    state = TextField()
    start = IntegerField()
    stop = IntegerField()
    attempts = IntegerField()
    next_try_at = BigIntegerField(null=True)
    failure = TextField()
    tp_mr = IntegerField(null=True)
    modem = TextField()
    network_key = BlobField(null=True)
    content = BinaryUUIDField(null=True)


class Attempts(Table):
    """One handing-over of a part to a modem, written before the PDU leaves."""

    id = BinaryUUIDField(primary_key=True)
    part = BinaryUUIDField()
    message = BinaryUUIDField()
    line = BigIntegerField()
    number = IntegerField()
    modem = TextField()
    state = TextField()
    started_at = BigIntegerField()
    boot = TextField()
    mono_ms = BigIntegerField()
    expected_mr = IntegerField(null=True)
    tp_mr = IntegerField(null=True)
    ended_at = BigIntegerField(null=True)
    failure = TextField()


class History(Table):
    cursor = BigIntegerField(primary_key=True)
    message = BinaryUUIDField()
    at = BigIntegerField()
    state = TextField()
    why = TextField()
    actor = TextField()


class Reports(Table):
    """Delivery reports as they came, matched or not."""

    id = BinaryUUIDField(primary_key=True)
    modem = TextField()
    tp_mr = IntegerField()
    status = IntegerField()
    content = BinaryUUIDField()
    attempt = BinaryUUIDField(null=True)
    at = BigIntegerField()


class Consent(Table):
    """Where a line stands for a purpose."""

    line = BigIntegerField()
    purpose = TextField()
    state = TextField()
    hlc = BigIntegerField()
    event = BinaryUUIDField()

    class Meta:
        primary_key = CompositeKey("line", "purpose")


class ConsentEvents(Table):
    id = BinaryUUIDField(primary_key=True)
    line = BigIntegerField()
    purpose = TextField()
    state = TextField()
    hlc = BigIntegerField()
    message = BinaryUUIDField(null=True)


class Journal(Table):
    """What this node tells a peer, by lane, chained."""

    peer = TextField()
    epoch = BigIntegerField()
    lane = IntegerField()
    seq = BigIntegerField()
    body = BlobField()
    hash = BlobField()
    content = BinaryUUIDField(null=True)
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("peer", "epoch", "lane", "seq")


class JournalHeads(Table):
    peer = TextField()
    epoch = BigIntegerField()
    lane = IntegerField()
    seq = BigIntegerField()
    hash = BlobField()
    at = BigIntegerField()
    acked = BigIntegerField()
    stable = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("peer", "epoch", "lane")


class Introduced(Table):
    """Lines already introduced on a lane."""

    peer = TextField()
    epoch = BigIntegerField()
    lane = IntegerField()
    line = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("peer", "epoch", "lane", "line")


class Received(Table):
    """A peer's lane as it came."""

    peer = TextField()
    epoch = BigIntegerField()
    lane = IntegerField()
    seq = BigIntegerField()
    body = BlobField()
    hash = BlobField()
    content = BinaryUUIDField(null=True)
    at = BigIntegerField()
    parked = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("peer", "epoch", "lane", "seq")


class Cursors(Table):
    peer = TextField()
    epoch = BigIntegerField()
    lane = IntegerField()
    applied = BigIntegerField()
    hash = BlobField()
    stable = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("peer", "epoch", "lane")


class LineRefs(Table):
    """What a peer's line numbers mean here."""

    peer = TextField()
    epoch = BigIntegerField()
    lane = IntegerField()
    number = BigIntegerField()
    line = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("peer", "epoch", "lane", "number")


class Audit(Table):
    """Who did what, chained, never pruned."""

    seq = BigIntegerField(primary_key=True)
    at = BigIntegerField()
    actor = TextField()
    action = TextField()
    subject = TextField()
    detail = TextField()
    hash = BlobField()


class Modems(Table):
    imei = TextField(primary_key=True)
    state = TextField()
    signal = IntegerField(null=True)
    operator = TextField()
    imsi = TextField()
    number = TextField()
    port = TextField()
    model = TextField()
    balance = TextField()
    failure = TextField()
    changed_at = BigIntegerField()
    last_mr = IntegerField(null=True)


class Pins(Table):
    """The PIN last typed into a modem whose SIM has not been seen open since."""

    imei = TextField(primary_key=True)
    tried = BlobField()


class Links(Table):
    peer = TextField(primary_key=True)
    state = TextField()
    failure = TextField()
    since = BigIntegerField()
    last_acknowledged_at = BigIntegerField(null=True)


class Users(Table):
    id = BinaryUUIDField(primary_key=True)
    name = TextField()
    display = TextField()
    password = TextField()
    role = TextField()
    language = TextField()
    version = IntegerField()


class Throttle(Table):
    """Failed log-ins by name."""

    name = TextField(primary_key=True)
    failures = IntegerField()
    boot = TextField()
    until_mono_ms = BigIntegerField()


class Tokens(Table):
    id = BinaryUUIDField(primary_key=True)
    user = BinaryUUIDField()
    digest = BlobField()
    scopes = TextField()
    label = TextField()
    created_at = BigIntegerField()


class Idempotency(Table):
    actor = TextField()
    key = TextField()
    digest = BlobField()
    message = BinaryUUIDField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("actor", "key")


class Events(Table):
    """The change feed; numbered by the store's counter, so that a number is never seen after a higher one."""

    seq = BigIntegerField(primary_key=True)
    topic = TextField()
    subject = TextField()
    conversation = BinaryUUIDField(null=True)


ALL: tuple[type[Table], ...] = (
    Node, Lines, Contacts, ContactLines, Conversations, Content, Messages, Parts, Attempts, History, Reports, Consent,
    ConsentEvents, Journal, JournalHeads, Introduced, Received, Cursors, LineRefs, Audit, Modems, Pins, Links, Users, Throttle,
    Tokens, Idempotency, Events,
)  # fmt: skip
