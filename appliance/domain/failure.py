"""Failures are values: a stable code, whose fault it is, whether trying again may help, and what to do.

Workers branch on the fields, never on the sentence. The sentences are the English source texts of the
translations, written for staff.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Whose fault a failure is."""

    NETWORK = "network"
    SIM = "sim"
    CREDIT = "credit"
    RECIPIENT = "recipient"
    MODEM = "modem"
    LINK = "link"
    INPUT = "input"
    US = "us"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something did not happen. ``sentence`` says what a person can do; ``detail`` is for support."""

    code: str
    sentence: str
    fault: Fault
    retryable: bool
    detail: str = ""


class Refused(Exception):  # noqa: N818 - "refused" is the state of contracts.md §5, and reads so at the raise
    """A use case was refused; carries the failure to show. Raised inside a transaction, it rolls it back."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


def _table(*rows: tuple[str, Fault, bool, str]) -> dict[str, tuple[Fault, bool, str]]:
    return {code: (fault, retryable, sentence) for code, fault, retryable, sentence in rows}


CATALOGUE = _table(
    ("input.empty", Fault.INPUT, False, "Write something first. An empty message is not sent."),
    ("input.too-long", Fault.INPUT, False, "This is longer than 10 parts. Make it shorter or send it in pieces."),
    ("input.number", Fault.INPUT, False, "This is not a phone number. Write it with the country code, like +252 61 555 0100."),
    ("input.no-reply", Fault.INPUT, False, "This sender has no number. It cannot be answered."),
    ("input.unknown-box", Fault.INPUT, False, "There is no box with this name. Choose one of the boxes."),
    ("input.which-box", Fault.INPUT, False, "Say which box should send this: the number has written to none of them."),
    ("input.not-found", Fault.INPUT, False, "This does not exist here, or no longer."),
    ("input.state", Fault.INPUT, False, "This message has moved on. Look at it again before you decide."),
    ("input.key-reused", Fault.INPUT, False, "This key was used for another message. Take a new key."),
    ("input.account", Fault.INPUT, False, "An account needs a name and a password of at least 8 characters."),
    ("input.name-taken", Fault.INPUT, False, "There is already an account with this name. Choose another."),
    ("consent.opted-out", Fault.RECIPIENT, False, "This person asked for no more messages. You can answer only what they write after that."),
    ("auth.wrong", Fault.INPUT, False, "The name or the password is wrong."),
    ("auth.throttled", Fault.INPUT, True, "Too many tries. Wait a minute, then try again."),
    ("auth.forbidden", Fault.INPUT, False, "Your account may not do this. Ask an administrator."),
    ("sms.power", Fault.MODEM, False, "The power or the modem failed while this was being sent. It may have been sent."),
    ("sms.no-answer", Fault.MODEM, False, "The modem did not answer while this was being sent. It may have been sent."),
    ("sms.modem-lost", Fault.MODEM, True, "The modem is not connected. Check its cable."),
    ("sms.busy", Fault.NETWORK, True, "The network is busy. The box tries again by itself."),
    ("sms.no-network", Fault.NETWORK, True, "There is no network. The box tries again by itself."),
    ("sms.temporary", Fault.NETWORK, True, "The network could not take it now. The box tries again by itself."),
    ("sms.number", Fault.RECIPIENT, False, "The network says this number does not exist."),
    ("sms.barred", Fault.SIM, False, "The operator does not let this SIM send. Ask the operator."),
    ("sms.credit", Fault.CREDIT, True, "There is no credit on the SIM. Top it up."),
    ("sms.sim", Fault.SIM, True, "The SIM cannot be used. Check that it is in place and unlocked."),
    ("sms.smsc", Fault.SIM, True, "The message centre number of the SIM is missing. Set it in the SIM settings."),
    ("sms.rejected", Fault.NETWORK, False, "The network refused this message."),
    ("sms.recipient-rejected", Fault.RECIPIENT, False, "The network could not deliver it to this phone."),
    ("sms.encode", Fault.US, False, "The box could not write this message for the network. Please report it."),
    ("sms.gave-up", Fault.NETWORK, False, "The box tried many times without success. You can try again."),
    ("sms.undecodable", Fault.NETWORK, False, "A message came that the box cannot read. It is kept as it came."),
    ("link.no-broker", Fault.LINK, True, "The hub cannot be reached. SMS still works; the box sends later what waits."),
    ("link.no-hub", Fault.LINK, True, "The line to the hub is there, but the hub does not answer. Nothing is lost."),
    ("link.refused", Fault.LINK, True, "The hub does not accept this box. Ask the hub's administrator."),
    ("link.mismatch", Fault.LINK, False, "The box and the hub remember different histories. Syncing stopped so that nothing is lost. Ask the hub's administrator."),
    ("link.version", Fault.LINK, False, "The other end speaks another version. Update the older one."),
    ("link.garbled", Fault.LINK, False, "The other end sent something that cannot be read. Nothing is lost. Please report it."),
    ("link.no-box", Fault.LINK, True, "The box cannot be reached. It goes on working and sends what waits when its line returns."),
    ("input.json", Fault.INPUT, False, "This cannot be read as JSON. Send one JSON object, written in UTF-8."),
    ("input.field", Fault.INPUT, False, "A field is missing or wrong. The list of errors names it."),
    ("input.request", Fault.INPUT, False, "This request cannot be understood."),
    ("input.method", Fault.INPUT, False, "This address does not take this kind of request."),
    ("input.media-type", Fault.INPUT, False, "Send the request as application/json."),
    ("input.too-large", Fault.INPUT, False, "This request is too large."),
    ("auth.missing", Fault.INPUT, False, "Log in, or send a token that this node knows."),
    ("auth.scope", Fault.INPUT, False, "This token is not for this. Use one that has the scope."),
    ("auth.csrf", Fault.INPUT, False, "This page was open too long, or the call did not come from it. Reload the page and try again."),
    ("auth.local", Fault.INPUT, False, "This is shown on the computer itself, or to a token with the scope status:read."),
    ("api.failed", Fault.US, True, "Something went wrong here. It is written in the log; please try again later."),
    ("api.too-many-streams", Fault.US, True, "Too many pages listen here at once. Ask again in a few seconds."),
    ("api.not-ready", Fault.US, True, "The service is starting or stopping. Try again in a few seconds."),
)  # fmt: skip


def failure(code: str, detail: str = "") -> Failure:
    """The failure with this code of the catalogue; raises KeyError for a code nobody wrote a sentence for."""
    fault, retryable, sentence = CATALOGUE[code]
    return Failure(code, sentence, fault, retryable, detail)
