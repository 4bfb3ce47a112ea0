"""The commands about the modem, the SIM and the network (ITU-T V.250, 3GPP TS 27.007)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from appliance.modem.simulator.dialogue import AtError, Command, Outcome, Reply, cme
from appliance.modem.simulator.modem import Modem, plain_ok

Handler = Callable[[Modem, Command], Outcome]

CME_NOT_ALLOWED, CME_PIN, CME_PUK, CME_WRONG = 3, 11, 12, 16
SIM_TRIES = 3
_USSD_MENUS = {
    "*100#": (0, "Balance: 12.50 USD. Valid until 31/12."),
    "*123#": (1, "1 Balance\n2 Data\n0 Exit"),
    "1": (0, "Balance: 12.50 USD. Valid until 31/12."),
    "2": (0, "You have no data bundle."),
    "0": (0, "Goodbye."),
}


def whole(text: str, *, low: int = 0, high: int = 65535) -> int:
    """A numeric argument; raises AtError when it is none or out of range."""
    if not text.isdecimal() or not low <= int(text) <= high:
        raise AtError
    return int(text)


def _identity(value: Callable[[Modem], str], prefix: str = "") -> Handler:
    def handler(modem: Modem, command: Command) -> Outcome:
        return Reply() if command.op == "=?" else Reply((prefix + value(modem),))

    return handler


def _setting(choices: str, *, high: int, extra: Callable[[Modem], str] | None = None) -> Handler:
    """A command whose one number is kept, asked back and listed."""

    def handler(modem: Modem, command: Command) -> Outcome:
        if command.op == "=?":
            return Reply((f"{command.name}: {choices}",))
        if command.op == "?":
            tail = extra(modem) if extra else ""
            return Reply((f"{command.name}: {modem.settings.number(command.name)}{tail}",))
        if command.op == "=":
            modem.settings.numbers[command.name] = whole(command.args[0], high=high)
        return Reply()

    return handler


def _echo(modem: Modem, command: Command) -> Outcome:
    modem.dialogue.echo = whole(command.args[0] or "0", high=1) == 1
    return Reply()


def _verbose(modem: Modem, command: Command) -> Outcome:
    modem.dialogue.verbose = whole(command.args[0] or "0", high=1) == 1
    return Reply()


def _quiet(modem: Modem, command: Command) -> Outcome:
    modem.dialogue.quiet = whole(command.args[0] or "0", high=1) == 1
    return Reply()


def _information(modem: Modem, _command: Command) -> Outcome:
    return Reply((f"{modem.profile.manufacturer} {modem.profile.model}", modem.profile.revision))


def _defaults(modem: Modem, _command: Command) -> Outcome:
    modem.dialogue.echo = modem.dialogue.verbose = True
    modem.dialogue.quiet = False
    modem.dialogue.errors = 0
    modem.settings.cnmi = [0, 0, 0, 0, 0]
    modem.settings.numbers.clear()
    modem.settings.charset = "IRA"
    return Reply()


def _hang_up(modem: Modem, command: Command) -> Outcome:
    if command.op != "=?":
        modem.ringing_from = ""
    return Reply()


def _dial(modem: Modem, _command: Command) -> Outcome:
    if not modem.registered():
        raise cme(30)
    modem.dialogue.later(1.0, lambda: modem.dialogue.urc("NO CARRIER"))
    return Reply()


def _cmee(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply(("+CMEE: (0-2)",))
    if command.op == "?":
        return Reply((f"+CMEE: {modem.dialogue.errors}",))
    modem.dialogue.errors = whole(command.args[0], high=2)
    return Reply()


def _cscs(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply(('+CSCS: ("IRA","GSM","HEX","UCS2")',))
    if command.op == "?":
        return Reply((f'+CSCS: "{modem.settings.charset}"',))
    if command.args[0].upper() not in {"IRA", "GSM", "HEX", "UCS2"}:
        raise AtError
    modem.settings.charset = command.args[0].upper()
    return Reply()


def _cpin(modem: Modem, command: Command) -> Outcome:
    sim = modem.sim
    if command.op == "=?":
        return Reply()
    if command.op == "?":
        state = "READY" if not modem.locked() else "SIM PIN" if sim.tries else "SIM PUK"
        return Reply((f"+CPIN: {state}",))
    if not modem.locked():
        raise cme(CME_NOT_ALLOWED)
    if not sim.tries:
        raise cme(CME_PUK)
    if command.args[0] != sim.pin:
        sim.tries -= 1
        raise cme(CME_WRONG if sim.tries else CME_PUK)
    sim.tries = SIM_TRIES
    modem.settings.unlocked = True
    modem.refresh_registration()
    return Reply()


def _needs_sim(handler: Handler) -> Handler:
    def checked(modem: Modem, command: Command) -> Outcome:
        if modem.locked() and command.op != "=?":
            raise cme(CME_PIN if modem.sim.tries else CME_PUK)
        return handler(modem, command)

    return checked


def _iccid(modem: Modem, _command: Command) -> Outcome:
    bare = modem.profile.name == "sim800"
    return Reply((modem.sim.iccid if bare else f"+CCID: {modem.sim.iccid}",))


def _creg(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply((f"{command.name}: (0-2)",))
    level = modem.settings.number(command.name)
    if command.op == "?":
        cell = ',"00C3","7A12"' if level >= 2 and modem.registered() else ""
        return Reply((f"{command.name}: {level},{modem.registration()}{cell}",))
    if command.op == "=":
        modem.settings.numbers[command.name] = whole(command.args[0], high=2)
    return Reply()


def _cops(modem: Modem, command: Command) -> Outcome:
    names = {0: modem.network.operator, 1: modem.network.operator.split()[0], 2: "00101"}
    if command.op == "=?":
        return Reply((f'+COPS: (2,"{names[0]}","{names[1]}","{names[2]}"),,(0-4),(0-2)',))
    if command.op == "?":
        if not modem.registered():
            return Reply(("+COPS: 0",))
        chosen = modem.settings.operator_format
        return Reply((f'+COPS: 0,{chosen},"{names[chosen]}"',))
    if command.op == "=" and command.args[0] == "3":
        modem.settings.operator_format = whole(command.args[1] if len(command.args) > 1 else "0", high=2)
    return Reply()


def _csq(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply(("+CSQ: (0-31,99),(0-7,99)",))
    return Reply(("+CSQ: 19,0" if modem.on_air and modem.settings.cfun == 1 else "+CSQ: 99,99",))


def _cfun(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply(("+CFUN: (0,1,4),(0,1)",))
    if command.op == "?":
        return Reply((f"+CFUN: {modem.settings.cfun}",))
    level = whole(command.args[0], high=4)
    if level not in {0, 1, 4}:
        raise AtError
    if len(command.args) > 1 and command.args[1] == "1":
        modem.dialogue.later(0.2, modem.restart)
        return Reply()
    modem.settings.cfun = level
    modem.refresh_registration()
    return Reply()


def _cnum(modem: Modem, command: Command) -> Outcome:
    return Reply() if command.op == "=?" else Reply((f'+CNUM: "","{modem.sim.number}",145',))


def _crsm(modem: Modem, command: Command) -> Outcome:
    """READ BINARY of EF_SMSS and EF_ICCID (3GPP TS 31.102 §4.2.9, §4.2.1 of 31.101); other files are not found."""
    if command.op == "=?":
        return Reply()
    args = [*command.args, "", ""]
    if args[0] != "176":
        raise cme(CME_NOT_ALLOWED)
    if args[1] == "28483":
        flag = 0xFE if modem.sim.memory_exceeded else 0xFF
        return Reply((f'+CRSM: 144,0,"{modem.sim.last_mr:02X}{flag:02X}"',))
    if args[1] == "12258":
        digits = modem.sim.iccid.ljust(20, "F")
        return Reply((f'+CRSM: 144,0,"{"".join(digits[n + 1] + digits[n] for n in range(0, 20, 2))}"',))
    return Reply(("+CRSM: 106,130",))


def _clcc(modem: Modem, _command: Command) -> Outcome:
    if not modem.ringing_from:
        return Reply()
    return Reply((f'+CLCC: 1,1,4,0,0,"{modem.ringing_from}",145',))


def _cusd(modem: Modem, command: Command) -> Outcome:
    """USSD (§7.15): a balance code and a menu. The answer comes after OK."""
    if command.op == "=?":
        return Reply(("+CUSD: (0-2)",))
    if command.op == "?":
        return Reply((f"+CUSD: {modem.settings.number('+CUSD')}",))
    modem.settings.numbers["+CUSD"] = whole(command.args[0] or "1", high=2)
    if len(command.args) < 2 or not command.args[1]:
        return Reply()
    if not modem.registered():
        raise cme(30)
    code = _from_charset(modem, command.args[1])
    more, text = _USSD_MENUS.get(code, (2, "Unknown code."))
    answer = f'+CUSD: {more},"{_to_charset(modem, text)}",15'
    modem.dialogue.later(0.5, lambda: modem.dialogue.urc(answer))
    return Reply()


def _from_charset(modem: Modem, text: str) -> str:
    try:
        if modem.settings.charset == "UCS2":
            return bytes.fromhex(text).decode("utf-16-be")
        if modem.settings.charset == "HEX":
            return bytes.fromhex(text).decode("latin-1")
    except ValueError:
        return text
    return text


def _to_charset(modem: Modem, text: str) -> str:
    if modem.settings.charset == "UCS2":
        return text.encode("utf-16-be").hex().upper()
    if modem.settings.charset == "HEX":
        return text.encode("latin-1").hex().upper()
    return text


def _cclk(modem: Modem, command: Command) -> Outcome:
    if command.op != "?":
        return Reply()
    quarters = modem.network.quarters
    local = datetime.fromtimestamp(modem.network.now_ms() // 1000, UTC) + timedelta(minutes=15 * quarters)
    return Reply((f'+CCLK: "{local:%y/%m/%d,%H:%M:%S}{quarters:+03d}"',))


_TAKEN = ("&C", "&D", "&K", "&W", "X", "M", "L", "S", "+IPR", "+ICF", "+IFC", "+CRC", "+CCWA", "+CMMS")

GENERAL: dict[str, Handler] = {
    **dict.fromkeys(_TAKEN, plain_ok),
    "E": _echo,
    "V": _verbose,
    "Q": _quiet,
    "I": _information,
    "Z": _defaults,
    "&F": _defaults,
    "H": _hang_up,
    "D": _dial,
    "+CHUP": _hang_up,
    "+CMEE": _cmee,
    "+CSCS": _cscs,
    "+CGMI": _identity(lambda modem: modem.profile.manufacturer),
    "+GMI": _identity(lambda modem: modem.profile.manufacturer),
    "+CGMM": _identity(lambda modem: modem.profile.model),
    "+GMM": _identity(lambda modem: modem.profile.model),
    "+CGMR": _identity(lambda modem: modem.profile.revision),
    "+GMR": _identity(lambda modem: modem.profile.revision),
    "+CGSN": _identity(lambda modem: modem.imei),
    "+GSN": _identity(lambda modem: modem.imei),
    "+GCAP": _identity(lambda _modem: "+CGSM", "+GCAP: "),
    "+CIMI": _needs_sim(_identity(lambda modem: modem.sim.imsi)),
    "+CCID": _needs_sim(_iccid),
    "+ICCID": _needs_sim(_identity(lambda modem: modem.sim.iccid, "+ICCID: ")),
    "+CPIN": _cpin,
    "+CREG": _creg,
    "+CGREG": _creg,
    "+CEREG": _creg,
    "+CGATT": _setting("(0,1)", high=1),
    "+COPS": _cops,
    "+CSQ": _csq,
    "+CFUN": _cfun,
    "+CNUM": _needs_sim(_cnum),
    "+CRSM": _needs_sim(_crsm),
    "+CLIP": _setting("(0,1)", high=1, extra=lambda _modem: ",1"),
    "+CLCC": _clcc,
    "+CUSD": _cusd,
    "+CCLK": _cclk,
    "+CTZU": _setting("(0,1)", high=1),
    "+CTZR": _setting("(0,1)", high=1),
    "+CBC": _identity(lambda _modem: "+CBC: 0,85,4012"),
    "+CPAS": _identity(lambda modem: f"+CPAS: {3 if modem.ringing_from else 0}"),
}
"""Every command but those about messages."""
