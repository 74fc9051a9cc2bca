"""What a synthetic picture says of itself in its file, so that it is known for one wherever it goes."""

import struct
import zlib

from flawsmith.images.png import SIGNATURE
from flawsmith.version import __version__

# IPTC's word for a photograph into which a trained model drew: cv.iptc.org/newscodes/digitalsourcetype
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
TEXT = "Synthetic: the defect in this picture was drawn by a model and is not real."
_HEADER_END = len(SIGNATURE) + 25  # of IHDR, which comes first and is always as long (PNG specification)
_XMP = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def with_marker(png: bytes) -> bytes:
    """Return a PNG file's content with texts in it that say what it is; its pixels and all else are left as they are."""
    texts = [
        _chunk(b"tEXt", b"Software\0flawsmith " + __version__.encode()),
        _chunk(b"tEXt", b"Description\0" + TEXT.encode()),
        _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _XMP.encode()),
    ]
    return b"".join([png[:_HEADER_END], *texts, png[_HEADER_END:]])


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
