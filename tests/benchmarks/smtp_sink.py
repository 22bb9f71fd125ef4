"""An SMTP server that takes everything, in a process of its own: `python -m tests.benchmarks.smtp_sink PORT [FILE]`.

With little more than the protocol, so that it is not what a measure of senders measures. With FILE it writes a line for
each message that it has taken: recipient and Message-ID. `DROP_AFTER_DATA` (a share such as 0.02, by chance) breaks the
connection after the message instead of answering; every second time the message is taken nevertheless.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
from typing import TextIO

_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
DROPPED_SHARE = float(os.environ.get("DROP_AFTER_DATA", "0"))


class Session(asyncio.Protocol):
    """One connection."""

    dropped = 0

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self._buffer = bytearray()
        self._in_data = False
        self._recipient = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Commands by line, a message up to the dot."""
        self._buffer += data
        while True:
            if self._in_data:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    return
                message = bytes(self._buffer[:end])
                del self._buffer[: end + 5]
                self._in_data = False
                self._take(message)
                continue
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            self._command(line)

    def _take(self, message: bytes) -> None:
        dropped = DROPPED_SHARE > 0 and random.random() < DROPPED_SHARE
        Session.dropped += dropped
        if self._file is not None and not (dropped and Session.dropped % 2):
            found = _MESSAGE_ID.search(message)
            self._file.write(f"{self._recipient.decode()} {found[1].decode() if found else '-'}\n")
            self._file.flush()
        if dropped:
            self._transport.abort()
        else:
            self._transport.write(b"250 taken\r\n")

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._transport.write(b"250-sink\r\n250 8BITMIME\r\n")
        elif verb == b"DATA":
            self._in_data = True
            self._transport.write(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            if verb == b"RCPT":
                self._recipient = line[line.find(b"<") + 1 : line.find(b">")]
            self._transport.write(b"250 fine\r\n")


async def main(port: int, path: str | None) -> None:
    """Serve until the process ends."""
    with open(path, "a", encoding="ascii") if path else open(os.devnull, "w", encoding="ascii") as file:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Session(file if path else None), "127.0.0.1", port)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
