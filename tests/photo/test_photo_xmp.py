from __future__ import annotations

from xml.etree import ElementTree

import pytest

from inkover.photo.xmp import COMPOSITE, marked, set_upright

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
SOURCE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


def _packet(inside: str, padding: int = 0) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{inside}</rdf:RDF></x:xmpmeta>'
        f'{" " * padding}<?xpacket end="w"?>'
    ).encode()


def _sources(packet: bytes) -> list[str]:
    root = ElementTree.fromstring(packet.decode().strip("\ufeff"))
    return [d.get(SOURCE) or "" for d in root.iter(f"{RDF}Description") if d.get(SOURCE)] + [
        e.text or "" for e in root.iter(SOURCE)
    ]


@pytest.mark.parametrize("packet", [None, b"", b"not xml", b"<a/>", b"\xff\xfe\xff", _packet("")[:-60]])
def test_without_a_packet_to_read_a_new_one_is_made(packet):
    assert _sources(marked(packet)) == [COMPOSITE]


def test_everything_else_stays_as_it_was():
    words = '<rdf:Description rdf:about="uuid:1" xmlns:my="urn:mine" my:B=" \u00e4 "><my:A>1</my:A></rdf:Description>'
    result = marked(_packet(words))
    assert words.encode() in result and _sources(result) == [COMPOSITE]
    assert result.count(b'rdf:about="uuid:1"') == 2, "about the same thing, as XMP asks"


@pytest.mark.parametrize(
    "old",
    [
        'xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" I:DigitalSourceType="camera" my:a="1"/>',
        "xmlns:I='http://iptc.org/std/Iptc4xmpExt/2008-02-29/' my:a='1'><I:DigitalSourceType>camera"
        "</I:DigitalSourceType></rdf:Description>",
        'xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" my:a="1"><I:DigitalSourceType rdf:resource="camera"/>'
        "</rdf:Description>",
    ],
)
def test_an_older_source_type_is_replaced(old):
    result = marked(_packet(f'<rdf:Description rdf:about="" xmlns:my="urn:mine" {old}'))
    assert _sources(result) == [COMPOSITE] and b"camera" not in result and b"my:a" in result


def test_marking_twice_is_marking_once_and_padding_is_used():
    packet = _packet('<rdf:Description rdf:about=""/>', padding=2000)
    once = marked(packet)
    assert len(once) == len(packet) and marked(once) == once
    assert _sources(marked(marked(None))) == [COMPOSITE]


def test_other_encodings_and_prefixes():
    packet = _packet('<rdf:Description rdf:about=""/>').decode().replace("rdf:", "r:").replace("xmlns:rdf", "xmlns:r")
    assert _sources(marked(packet.encode())) == [COMPOSITE]
    assert _sources(marked(packet.strip("\ufeff").encode("utf-16"))) == [COMPOSITE]


def test_entities_are_never_expanded():
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb">]>' + _packet("<rdf:Description/>")
    assert b"ENTITY" not in marked(bomb) and _sources(marked(bomb)) == [COMPOSITE]


def test_orientation_set_upright():
    packet = b"<a tiff:Orientation='6'/><tiff:Orientation> 8</tiff:Orientation> 6"
    assert set_upright(packet) == b"<a tiff:Orientation='1'/><tiff:Orientation> 1</tiff:Orientation> 6"
