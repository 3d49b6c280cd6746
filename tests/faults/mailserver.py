"""A mail server that notes what it took, in a process of its own, and misbehaves by a share and a seed.

`python -m tests.faults.mailserver PORT FILE SEED DROP_BEFORE DROP_AFTER LATER HOST` - one line a message that it
answered for: "<unix time> <address> <X-Personalize-Key> <what it did>"; FILE.peers has whom each came from. Shares are
of messages: hung up before the body was taken, hung up after it was taken, put off with 451.
"""

import asyncio
import random
import sys
import time
from pathlib import Path

KEY = b"\r\nx-personalize-key: "


class Server:
    """Takes mails; offers RFC 2920."""

    def __init__(self, file: Path, seed: int, shares: tuple[float, float, float]) -> None:
        self._file = file.open("ab", buffering=0)
        self._peers = file.with_suffix(".peers").open("ab", buffering=0)
        self._dice, self._shares = random.Random(seed), shares

    def note(self, address: str, body: bytes, deed: str, peer: str) -> None:
        """One line, written at once."""
        head = body[:4000].lower()
        start = head.find(KEY)
        key = head[start + len(KEY) :].split(b"\r\n", 1)[0].decode() if start >= 0 else ""
        self._file.write(f"{time.time():.6f} {address} {key} {deed}\n".encode())
        self._peers.write(f"{peer}\n".encode())

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            writer.write(b"220 here\r\n")
            address = ""
            while line := await reader.readline():
                word = line[:4].upper()
                if word == b"EHLO":
                    writer.write(b"250-here\r\n250 PIPELINING\r\n")
                elif word == b"RCPT":
                    address = line.decode().partition("<")[2].partition(">")[0]
                    writer.write(b"250 ok\r\n")
                elif word == b"DATA":
                    writer.write(b"354 go on\r\n")
                    await writer.drain()
                    body = await reader.readuntil(b"\r\n.\r\n")
                    if not self._answer(address, body, writer):
                        return
                elif word == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    return
                else:
                    writer.write(b"250 ok\r\n")
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client hung up: an unfinished DATA is not a message
        finally:
            writer.close()

    def _answer(self, address: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Take the message or not; False when the connection is cut."""
        before, after, later = self._shares
        peer = str(writer.get_extra_info("peername")[0])
        drawn = self._dice.random()
        if drawn < before:
            writer.transport.abort()
            return False
        if drawn < before + after:
            self.note(address, body, "taken-unsaid", peer)
            writer.transport.abort()
            return False
        if drawn < before + after + later:
            self.note(address, body, "put-off", peer)
            writer.write(b"451 4.7.1 later\r\n")
            return True
        self.note(address, body, "taken", peer)
        writer.write(b"250 2.0.0 taken\r\n")
        return True


async def main(port: int, file: Path, seed: int, shares: tuple[float, float, float], host: str) -> None:
    """Serve for ever."""
    served = await asyncio.start_server(Server(file, seed, shares).talk, host, port, limit=2**22)
    async with served:
        await served.serve_forever()


if __name__ == "__main__":
    where, shares_ = Path(sys.argv[2]), tuple(float(one) for one in sys.argv[4:7])
    asyncio.run(main(int(sys.argv[1]), where, int(sys.argv[3]), shares_, sys.argv[7]))  # type: ignore[arg-type]
