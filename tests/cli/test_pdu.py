from __future__ import annotations

import json

import pytest

from appliance.cli.main import main

LONG = "The water point near the school is broken since yesterday, and the next one is two hours away. " * 2


def run(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(["pdu", *words])
    out, err = capsys.readouterr()
    return left.value.code, out, err


def test_received_text_is_decoded_as_the_contract_says(capsys):
    """A PDU as it stands after +CMGR gives sender, text and time."""
    # SMSC +252 900 000 0, from +252 61 555 0143, GSM-7, "hello", 2024-01-21 10:20:30 +03:00
    pdu = "07915292000000F0040C91526251551034000042101201020321" + "05E8329BFD06"
    code, out, err = run(capsys, "decode", pdu, "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert {"type", "address", "text", "encoding", "part", "of", "reference", "at", "oddities"} <= set(told)
    assert (told["type"], told["address"], told["text"], told["encoding"]) == (
        "deliver",
        "+252615550143",
        "hello",
        "gsm7",
    )
    assert (told["part"], told["of"], told["reference"]) == (1, 1, None)
    assert told["at"].startswith("2024-01-21T")


@pytest.mark.parametrize(
    ("text", "encoding", "parts"), [("hello", "gsm7", 1), (LONG, "gsm7", 2), ("السلام عليكم", "ucs2", 1)]
)
def test_encoded_parts_decode_to_the_same_text(capsys, text, encoding, parts):
    """What encode writes decode reads, part by part, and split tells the same parts."""
    _, out, _ = run(capsys, "encode", "--to", "+252615550143", "--text", text, "--json")
    written = json.loads(out)
    assert (written["encoding"], len(written["parts"])) == (encoding, parts)
    read = []
    for number, part in enumerate(written["parts"], 1):
        assert part["length"] == len(part["pdu"]) // 2 - 1
        _, out, _ = run(capsys, "decode", part["pdu"], "--json")
        told = json.loads(out)
        assert (told["type"], told["address"], told["part"], told["of"]) == ("submit", "+252615550143", number, parts)
        read.append(told["text"])
    assert "".join(read) == text
    _, out, _ = run(capsys, "split", "--text", text, "--json")
    assert [part["text"] for part in json.loads(out)["parts"]] == read


@pytest.mark.parametrize("hexadecimal", ["", "0", "zz", "00", "07915892"])
def test_what_is_no_pdu_is_refused_in_one_sentence(capsys, hexadecimal):
    """Hostile or cut input is a failure with a sentence, never a traceback."""
    code, out, err = run(capsys, "decode", hexadecimal)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1


def test_undialable_number_and_endless_text_are_refused(capsys):
    """A number must be one, and a message has at most 255 parts."""
    assert run(capsys, "encode", "--to", "mother", "--text", "x")[0] == 1
    code, _, err = run(capsys, "encode", "--to", "+252615550143", "--text", "x" * 153 * 256)
    assert code == 1
    assert "255" in err


def test_plain_output_can_be_typed_to_a_modem(capsys):
    """Without --json the lines are what one types after AT+CMGF=0."""
    _, out, _ = run(capsys, "encode", "--to", "+252615550143", "--text", "hello")
    command, pdu = out.splitlines()
    assert command == f"AT+CMGS={len(pdu) // 2 - 1}"
    _, out, _ = run(capsys, "decode", pdu)
    assert "hello" in out
    assert "1 part(s)" in run(capsys, "split", "--text", "hello")[1]
