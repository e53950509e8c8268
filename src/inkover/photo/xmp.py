"""The machine-readable mark of an edited picture: IPTC's DigitalSourceType, merged into the XMP that is there."""

from __future__ import annotations

import re
from xml.etree import ElementTree

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_NAMESPACE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_END = re.compile(r"</((?:[\w.-]+:)?)RDF\s*>")
_EMPTY = re.compile(  # what is left of a description that held the mark alone
    rf"<(?:[\w.-]+:)?Description\s+(?:[\w.-]+:)?about=(?:\"[^\"]*\"|'[^']*')\s+xmlns:[\w.-]+=\"{_NAMESPACE}\"\s*/>\s*"
)
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def marked(packet: bytes | None) -> bytes:
    """Return the packet with the mark, everything else in it as it was; a new one where there is none to read."""
    text = _text(packet) or _PACKET
    if not _END.search(text):  # an empty <rdf:RDF .../> or no RDF at all: nothing in it to keep
        text = _PACKET
    return _padded(_inserted(_unmarked(text)), len(packet or b"")).encode()


def set_upright(packet: bytes) -> bytes:
    """Return the packet with tiff:Orientation, where it states one, at 1."""
    return re.sub(rb"((?<!/)tiff:Orientation\s*(?:=\s*[\"']|>\s*))[1-8]", rb"\g<1>1", packet)


def _text(packet: bytes | None) -> str | None:
    """Decode a packet that is well-formed; None for one nobody can read."""
    if not packet:
        return None
    body = packet.rstrip(b"\0")
    encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        text = body.decode(encoding)
        if "<!DOCTYPE" not in text and "<!ENTITY" not in text:
            ElementTree.fromstring(text.strip("\ufeff \t\r\n"))
            return text
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError):
        pass
    return None


def _unmarked(text: str) -> str:
    """Take out every DigitalSourceType there is, whatever its namespace's prefix."""
    for prefix in set(re.findall(rf"xmlns:([\w.-]+)\s*=\s*[\"']{re.escape(_NAMESPACE)}[\"']", text)):
        name = rf"{re.escape(prefix)}:DigitalSourceType"
        text = re.sub(rf"\s+{name}\s*=\s*(\"[^\"]*\"|'[^']*')", "", text)
        text = re.sub(rf"<{name}\b[^>]*/>|<{name}\b.*?</{name}\s*>", "", text, flags=re.DOTALL)
    return _EMPTY.sub("", text)


def _inserted(text: str) -> str:
    """Put a description with the mark at the end of the RDF, about the same thing as the others."""
    start, prefix = next((end.start(), end[1]) for end in reversed(list(_END.finditer(text))))
    about = re.search(r"\babout\s*=\s*(\"[^\"]*\"|'[^']*')", text)
    description = (
        f'<{prefix}Description {prefix}about={about[1] if about else chr(34) * 2} xmlns:Iptc4xmpExt="{_NAMESPACE}"'
        f' Iptc4xmpExt:DigitalSourceType="{COMPOSITE}"/>\n '
    )
    return text[:start] + description + text[start:]


def _padded(text: str, length: int) -> str:
    """Use up the white space that a packet keeps for edits like this one, so that it grows no more than it must."""
    end = text.rfind("<?xpacket end")
    if end < 0:
        return text
    body, tail = text[:end].rstrip(), text[end:]
    room = max(length - len((body + tail).encode()), 1)
    return body + "\n" + " " * (room - 1) + tail
