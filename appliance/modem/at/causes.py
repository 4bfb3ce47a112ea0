"""What error numbers of modems and networks mean to us, as failures of the catalogue. Pure data.

``+CMS ERROR`` (3GPP TS 27.005 §3.2.5): 0–127 are RP causes of the network (TS 24.011 §8.2.5.4), 128–255 TP
failure causes of the service centre (TS 23.040 §9.2.3.22), 300 and up come from the modem.
"""

from __future__ import annotations

from appliance.domain.failure import Failure, failure
from appliance.modem.at.engine import AtFailure

_CMS = {
    1: "sms.number",
    8: "sms.barred",
    10: "sms.barred",
    21: "sms.rejected",
    22: "sms.temporary",
    27: "sms.temporary",
    28: "sms.number",
    29: "sms.rejected",
    30: "sms.number",
    38: "sms.temporary",
    41: "sms.temporary",
    42: "sms.busy",
    47: "sms.busy",
    50: "sms.barred",
    69: "sms.rejected",
    96: "sms.rejected",
    97: "sms.rejected",
    98: "sms.temporary",
    0xC0: "sms.busy",
    0xC1: "sms.barred",
    0xC2: "sms.temporary",
    0xC4: "sms.barred",
    301: "sms.temporary",
    302: "sms.temporary",
    304: "sms.encode",
    305: "sms.encode",
    310: "sms.sim",
    311: "sms.sim",
    312: "sms.sim",
    313: "sms.sim",
    314: "sms.temporary",
    315: "sms.sim",
    316: "sms.sim",
    317: "sms.sim",
    318: "sms.sim",
    330: "sms.smsc",
    331: "sms.no-network",
    332: "sms.busy",
}
_CME = {
    10: "sms.sim",
    11: "sms.sim",
    12: "sms.sim",
    13: "sms.sim",
    14: "sms.temporary",
    15: "sms.sim",
    16: "sms.sim",
    30: "sms.no-network",
    31: "sms.busy",
    32: "sms.no-network",
}


def cause(refused: AtFailure) -> Failure:
    """The failure behind an error of the modem; what nobody described is worth another try."""
    table = {"CMS": _CMS, "CME": _CME}.get(refused.family, {})
    code = table.get(refused.code, "sms.temporary") if refused.code is not None else "sms.temporary"
    shown = f"{refused.family} {refused.code}" if refused.code is not None else refused.text[:40]
    return failure(code, shown.strip())
