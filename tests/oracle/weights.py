"""A safetensors file read and written by hand, for tests that make wrong ones."""
import json
import struct


class Weights:
    """A safetensors file taken apart, so that it can be put together wrong."""

    def __init__(self, file):
        raw = file.read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        self.file, self.header, self.data = file, json.loads(raw[8:8 + size]), bytearray(raw[8 + size:])

    def write(self, file=None, size=None, text=None):
        head = json.dumps(self.header).encode() if text is None else text
        head += b" " * (-len(head) % 8)
        (file or self.file).write_bytes(struct.pack("<Q", len(head) if size is None else size) + head + bytes(self.data))

    def names(self, part=""):
        return [n for n in self.header if n != "__metadata__" and part in n]
