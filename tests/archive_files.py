"""ZIP and RAR archives for tests, hostile ones included; RAR (version 4, stored) is written byte by byte."""

import stat
import struct
import zipfile
import zlib

NEW_YEAR = (2020 - 1980) << 25 | 1 << 21 | 1 << 16  # 2020-01-01 as DOS writes it


def write_zip(path, files, links=()):
    """Write `{name: content}` as it stands, and names that are symbolic links to `/etc/passwd`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name in links:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return path


def write_rar(path, files, links=(), solid=False):
    """Write the same as RAR."""
    blocks = [b"Rar!\x1a\x07\x00", _block(0x73, 0x08 if solid else 0, bytes(6))]
    for name, content in [*files.items(), *((name, b"/etc/passwd") for name in links)]:
        kind = stat.S_IFLNK | 0o777 if name in links else stat.S_IFREG | 0o644
        encoded = name.replace("/", "\\").encode()
        head = struct.pack(
            "<IIBIIBBHI", len(content), len(content), 3, zlib.crc32(content), NEW_YEAR, 20, 0x30, len(encoded), kind
        )
        blocks += [_block(0x74, 0x8000, head + encoded), content]
    path.write_bytes(b"".join([*blocks, _block(0x7B, 0x4000, b"")]))
    return path


def _block(kind, flags, rest):
    head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head
