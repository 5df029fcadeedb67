"""Deployment archives: small tar.gz files made of texts, reproducible, and of an exact size where a test needs it."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import zlib
from collections.abc import Mapping

#: What the recorded uploads stand for: a Node function that answers {"ok":true}.
NODE_CODE = {"index.js": "module.exports=({res})=>res.json({ok:true})"}

GZIP_COMMENT = 0x10


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """A tar.gz of the given files."""
    return gzip.compress(_tar(files), mtime=0)


def archive_of_size(size: int, files: Mapping[str, str | bytes] = NODE_CODE) -> bytes:
    """A valid tar.gz of exactly `size` bytes, filled up with a gzip comment."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = _tar(files)
    packed = packer.compress(content) + packer.flush()
    trailer = struct.pack("<II", zlib.crc32(content), len(content))
    filling = size - len(packed) - len(trailer) - 11
    if filling < 0:
        raise ValueError(f"{size} bytes are too few: the files need {size - filling}")
    head = struct.pack("<BBBBIBB", 0x1F, 0x8B, 8, GZIP_COMMENT, 0, 2, 255)
    return head + b"-" * filling + b"\0" + packed + trailer


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def _tar(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
