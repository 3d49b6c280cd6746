"""The files of a packet, compressed and hashed by a thread of their own while the next ones are read.

zlib and hashlib let go of the interpreter, so that a second core does a third of the work. The bytes do not depend on
it: one thread writes one file after another, in the order in which they were given.
"""

import hashlib
import queue
import threading
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's oldest date: a packet says nothing of when it was zipped
# Level 1: of this text level 6 takes three times as long and makes a seventh less of it.
LEVEL = 1
LEAST, MOST = 1 << 18, 1 << 20  # bytes handed over at once
AHEAD = 8  # pieces that wait, so that memory stays flat
END, STOP = object(), object()


class HalfAFile(Exception):
    """Whoever gave a file stopped in its midst; what was written is no packet."""


class Archive:
    """A packet being written: `with Archive(target) as archive: archive.add(name, chunks)`; `told()` waits for all."""

    def __init__(self, target: IO[bytes] | Path) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL)
        self._waiting: queue.Queue[Any] = queue.Queue(AHEAD)
        self._told: list[dict[str, Any]] = []
        self._fault: BaseException | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._work, name="packet-archive", daemon=True)

    def __enter__(self) -> "Archive":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._waiting.put(STOP)
        self._thread.join()
        self._zip.close()
        if kind is None and self._fault is not None:
            raise self._fault

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Hand one file over, a piece at a time. Raises what went wrong with an earlier one."""
        self._hand(name)
        block = bytearray()
        for chunk in chunks:
            if not block and len(chunk) >= LEAST:
                for start in range(0, len(chunk), MOST):
                    self._hand(chunk[start : start + MOST])
                continue
            block += chunk
            if len(block) >= LEAST:
                self._hand(bytes(block))
                block.clear()
        if block:
            self._hand(bytes(block))
        self._hand(END)

    def told(self) -> list[dict[str, Any]]:
        """What the manifest says of every file so far, in the order given."""
        self._waiting.join()
        if self._fault is not None:
            raise self._fault
        return list(self._told)

    def _hand(self, piece: object) -> None:
        if self._fault is not None:
            raise self._fault
        self._waiting.put(piece)

    def _work(self) -> None:
        while not self._is_over and (name := self._waiting.get()) is not STOP:
            try:
                if self._fault is None:  # after a fault whatever still comes is let go
                    self._told.append(put(self._zip, name, self._pieces()))
            except BaseException as fault:
                self._fault = fault
            finally:
                self._waiting.task_done()

    def _pieces(self) -> Iterator[bytes]:
        while (piece := self._waiting.get()) is not END:
            self._waiting.task_done()
            if piece is STOP:
                self._is_over = True
                raise HalfAFile
            yield piece
        self._waiting.task_done()


def put(archive: zipfile.ZipFile, name: str, chunks: Iterable[bytes]) -> dict[str, Any]:
    """Add one file to an archive; gives what the manifest says of it."""
    told = zipfile.ZipInfo(name, EPOCH)
    told.compress_type, told.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    sha256, size, rows = hashlib.sha256(), 0, 0
    with archive.open(told, "w", force_zip64=True) as file:
        for chunk in chunks:
            file.write(chunk)
            sha256.update(chunk)
            size, rows = size + len(chunk), rows + chunk.count(b"\n")
    is_table = name.endswith(".jsonl")
    return {"path": name, "sha256": sha256.hexdigest(), "bytes": size, "rows": rows if is_table else None}
