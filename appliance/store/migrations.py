"""Schemas are numbered and frozen: a step that was released is never edited, a change is a new step.

Types are written as tokens that ``dialect`` fills in: ``{id}`` 16 bytes, ``{blob}``, ``{big}`` 64-bit integer, ``{int}``,
``{text}`` text in byte order.
"""

from __future__ import annotations

_FIRST: tuple[str, ...] = (
    "CREATE TABLE node (id {int} PRIMARY KEY CHECK (id = 1), name {text} NOT NULL, kind {text} NOT NULL, incarnation {big} NOT NULL,"
    " counter {big} NOT NULL, hlc {big} NOT NULL, boots {big} NOT NULL, created_at {big} NOT NULL)",
    "CREATE TABLE lines (id {big} PRIMARY KEY, scheme {text} NOT NULL, address {text} NOT NULL, UNIQUE (address, scheme))",
    "CREATE TABLE contacts (id {id} PRIMARY KEY, name {text} NOT NULL, name_hlc {big} NOT NULL, alias_of {id}, created_at {big} NOT NULL,"
    " cursor {big} NOT NULL UNIQUE)",
    "CREATE TABLE contact_lines (contact {id} NOT NULL REFERENCES contacts (id), line {big} NOT NULL REFERENCES lines (id),"
    " PRIMARY KEY (contact, line))",
    "CREATE INDEX contact_lines_line ON contact_lines (line)",
    "CREATE TABLE conversations (id {id} PRIMARY KEY, contact {id} NOT NULL REFERENCES contacts (id), line {big} NOT NULL REFERENCES lines (id),"
    " box {text} NOT NULL, state {text} NOT NULL, unread {int} NOT NULL, last_message {id}, last_at {big} NOT NULL, waiting_since {big},"
    " alias_of {id}, cursor {big} NOT NULL UNIQUE)",
    "CREATE INDEX conversations_contact ON conversations (contact)",
    "CREATE INDEX conversations_latest ON conversations (last_at, id)",
    "CREATE INDEX conversations_waiting ON conversations (waiting_since) WHERE waiting_since IS NOT NULL",
    "CREATE TABLE content (id {id} PRIMARY KEY, text {text}, pdu {blob}, salt {blob}, digest {blob} NOT NULL, sealed_to {text}, sealed {blob},"
    " erased_at {big})",
    "CREATE TABLE messages (id {id} PRIMARY KEY, cursor {big} NOT NULL UNIQUE, conversation {id} NOT NULL REFERENCES conversations (id),"
    " contact {id} NOT NULL, line {big} NOT NULL REFERENCES lines (id), direction {text} NOT NULL, channel {text} NOT NULL,"
    " carrier {text} NOT NULL, state {text} NOT NULL, encoding {text} NOT NULL, parts {int} NOT NULL, content {id} NOT NULL REFERENCES content (id),"
    " at {big} NOT NULL, clock {text} NOT NULL, boot {text} NOT NULL, hlc {big} NOT NULL, author {text} NOT NULL, automatic {int} NOT NULL,"
    " priority {text} NOT NULL, expires_at {big}, in_reply_to {id}, attempt {int} NOT NULL, failure {text} NOT NULL, next_try_at {big},"
    " reference {int}, missing {text} NOT NULL, told_parts {text} NOT NULL, peer {text} NOT NULL, lane {int} NOT NULL, seq {big} NOT NULL)",
    "CREATE INDEX messages_conversation ON messages (conversation, cursor)",
    "CREATE INDEX messages_contact ON messages (contact)",
    "CREATE INDEX messages_incomplete ON messages (line, reference) WHERE state = 'incomplete'",
    "CREATE INDEX messages_open ON messages (state)",
    "CREATE TABLE parts (id {id} PRIMARY KEY, message {id} NOT NULL REFERENCES messages (id), number {int} NOT NULL, of {int} NOT NULL,"
    " state {text} NOT NULL, start {int} NOT NULL, stop {int} NOT NULL, attempts {int} NOT NULL, next_try_at {big}, failure {text} NOT NULL,"
    " tp_mr {int}, modem {text} NOT NULL, network_key {blob}, content {id}, UNIQUE (message, number))",
    "CREATE UNIQUE INDEX parts_network ON parts (network_key) WHERE network_key IS NOT NULL",
    "CREATE INDEX parts_due ON parts (state, next_try_at)",
    "CREATE TABLE attempts (id {id} PRIMARY KEY, part {id} NOT NULL REFERENCES parts (id), message {id} NOT NULL, line {big} NOT NULL,"
    " number {int} NOT NULL, modem {text} NOT NULL, state {text} NOT NULL, started_at {big} NOT NULL, boot {text} NOT NULL,"
    " mono_ms {big} NOT NULL, expected_mr {int}, tp_mr {int}, ended_at {big}, failure {text} NOT NULL)",
    "CREATE INDEX attempts_open ON attempts (modem) WHERE state = 'open'",
    "CREATE INDEX attempts_lost ON attempts (modem, id) WHERE state = 'lost'",
    "CREATE INDEX attempts_report ON attempts (modem, tp_mr, id)",
    "CREATE INDEX attempts_part ON attempts (part)",
    "CREATE TABLE history (cursor {big} PRIMARY KEY, message {id} NOT NULL, at {big} NOT NULL, state {text} NOT NULL, why {text} NOT NULL,"
    " actor {text} NOT NULL)",
    "CREATE INDEX history_message ON history (message, cursor)",
    "CREATE TABLE reports (id {id} PRIMARY KEY, modem {text} NOT NULL, tp_mr {int} NOT NULL, status {int} NOT NULL, content {id} NOT NULL,"
    " attempt {id}, at {big} NOT NULL)",
    "CREATE TABLE consent (line {big} NOT NULL, purpose {text} NOT NULL, state {text} NOT NULL, hlc {big} NOT NULL, event {id} NOT NULL,"
    " PRIMARY KEY (line, purpose))",
    "CREATE TABLE consent_events (id {id} PRIMARY KEY, line {big} NOT NULL, purpose {text} NOT NULL, state {text} NOT NULL, hlc {big} NOT NULL,"
    " message {id})",
    "CREATE INDEX consent_events_line ON consent_events (line)",
    "CREATE TABLE journal (peer {text} NOT NULL, epoch {big} NOT NULL, lane {int} NOT NULL, seq {big} NOT NULL, body {blob} NOT NULL,"
    " hash {blob} NOT NULL, content {id}, at {big} NOT NULL, PRIMARY KEY (peer, epoch, lane, seq))",
    "CREATE TABLE journal_heads (peer {text} NOT NULL, epoch {big} NOT NULL, lane {int} NOT NULL, seq {big} NOT NULL, hash {blob} NOT NULL,"
    " at {big} NOT NULL, acked {big} NOT NULL, stable {big} NOT NULL, PRIMARY KEY (peer, epoch, lane))",
    "CREATE TABLE introduced (peer {text} NOT NULL, epoch {big} NOT NULL, lane {int} NOT NULL, line {big} NOT NULL,"
    " PRIMARY KEY (peer, epoch, lane, line))",
    "CREATE TABLE received (peer {text} NOT NULL, epoch {big} NOT NULL, lane {int} NOT NULL, seq {big} NOT NULL, body {blob} NOT NULL,"
    " hash {blob} NOT NULL, content {id}, at {big} NOT NULL, parked {text}, PRIMARY KEY (peer, epoch, lane, seq))",
    "CREATE TABLE cursors (peer {text} NOT NULL, epoch {big} NOT NULL, lane {int} NOT NULL, applied {big} NOT NULL, hash {blob} NOT NULL,"
    " stable {big} NOT NULL, at {big} NOT NULL, PRIMARY KEY (peer, epoch, lane))",
    "CREATE TABLE line_refs (peer {text} NOT NULL, epoch {big} NOT NULL, lane {int} NOT NULL, number {big} NOT NULL, line {big} NOT NULL,"
    " PRIMARY KEY (peer, epoch, lane, number))",
    "CREATE TABLE audit (seq {big} PRIMARY KEY, at {big} NOT NULL, actor {text} NOT NULL, action {text} NOT NULL, subject {text} NOT NULL,"
    " detail {text} NOT NULL, hash {blob} NOT NULL)",
    "CREATE TABLE modems (imei {text} PRIMARY KEY, state {text} NOT NULL, signal {int}, operator {text} NOT NULL, imsi {text} NOT NULL,"
    " number {text} NOT NULL, port {text} NOT NULL, model {text} NOT NULL, balance {text} NOT NULL, failure {text} NOT NULL,"
    " changed_at {big} NOT NULL, last_mr {int})",
    "CREATE TABLE pins (imei {text} PRIMARY KEY, tried {blob} NOT NULL)",
    "CREATE TABLE links (peer {text} PRIMARY KEY, state {text} NOT NULL, failure {text} NOT NULL, since {big} NOT NULL, last_acknowledged_at {big})",
    "CREATE TABLE users (id {id} PRIMARY KEY, name {text} NOT NULL UNIQUE, display {text} NOT NULL, password {text} NOT NULL, role {text} NOT NULL,"
    " language {text} NOT NULL, version {int} NOT NULL)",
    "CREATE TABLE throttle (name {text} PRIMARY KEY, failures {int} NOT NULL, boot {text} NOT NULL, until_mono_ms {big} NOT NULL)",
    'CREATE TABLE tokens (id {id} PRIMARY KEY, "user" {id} NOT NULL REFERENCES users (id), digest {blob} NOT NULL UNIQUE, scopes {text} NOT NULL,'
    " label {text} NOT NULL, created_at {big} NOT NULL)",
    "CREATE TABLE idempotency (actor {text} NOT NULL, key {text} NOT NULL, digest {blob} NOT NULL, message {id} NOT NULL, at {big} NOT NULL,"
    " PRIMARY KEY (actor, key))",
    "CREATE TABLE events (seq {big} PRIMARY KEY, topic {text} NOT NULL, subject {text} NOT NULL, conversation {id})",
)

STEPS: tuple[tuple[str, ...], ...] = (_FIRST,)
"""Step n brings a database from version n to n + 1."""

LATEST = len(STEPS)
