"""The bytes of a TensorBoard event file: TFRecords of `Event` messages, written by hand.

tensorboard's own classes take a fifth of a second to import, and a scalar is four fields. The formats are
those of tensorboard/compat/proto/event.proto and summary.proto, and of protobuf's encoding.
"""

from __future__ import annotations

import math
import struct

WORD = 0xFFFFFFFF
POLYNOMIAL = 0x82F63B78  # of CRC-32C (Castagnoli), reflected
# The fields of the messages, as number and wire type: number * 8 + type.
WALL_TIME, STEP, FILE_VERSION, SUMMARY = b"\x09", b"\x10", b"\x1a", b"\x2a"  # of an Event
VALUE = b"\x0a"  # of a Summary
TAG, SIMPLE_VALUE = b"\x0a", b"\x15"  # of a Summary.Value
VERSION = b"brain.Event:2"


def first_record(wall_time: float) -> bytes:
    """What an event file begins with."""
    return _record(_double(wall_time) + FILE_VERSION + _sized(VERSION))


def record(wall_time: float, step: int, summary: bytes) -> bytes:
    """A summary, which is a message already, as an event of a step from 0."""
    numbered = STEP + _varint(step) if step else b""  # what is 0 is not written
    return _record(_double(wall_time) + numbered + SUMMARY + _sized(summary))


def scalar(tag: str, value: float) -> bytes:
    """A summary of one number, which is stored in single precision."""
    return VALUE + _sized(TAG + _sized(tag.encode()) + SIMPLE_VALUE + _single(value))


def _single(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, value))


def _double(wall_time: float) -> bytes:
    return WALL_TIME + struct.pack("<d", wall_time)


def _sized(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def _record(event: bytes) -> bytes:
    """A TFRecord: length and content, each with its checksum."""
    length = struct.pack("<Q", len(event))
    return length + _checksum(length) + event + _checksum(event)


def _checksum(content: bytes) -> bytes:
    """CRC-32C, rotated and shifted, so that checksums of data with checksums in it are sound."""
    crc = WORD
    for byte in content:
        crc = TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= WORD
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & WORD)


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


TABLE = [_entry(byte) for byte in range(256)]
