"""A packet's files are written by a thread of its own: the same bytes, every fault told, nobody waits for ever."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator

import pytest

from compliance import packet_archive
from compliance.packet_archive import Archive

FILES = {"a.jsonl": [b'{"n": %d}\n' % n for n in range(9_000)], "b/c.txt": [b"x" * 700_000], "d.json": []}


def written(files: dict[str, list[bytes]]) -> tuple[bytes, list[dict]]:
    target = io.BytesIO()
    with Archive(target) as archive:
        for name, chunks in files.items():
            archive.add(name, iter(chunks))
        told = archive.told()
        archive.add("last.txt", [b"last"])
    return target.getvalue(), told


def test_files_are_whole_in_their_order_and_twice_the_same() -> None:
    made, told = written(FILES)

    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.namelist() == [*FILES, "last.txt"]
        assert {name: archive.read(name) for name in FILES} == {name: b"".join(parts) for name, parts in FILES.items()}
    assert told == [
        {"path": name, "sha256": hashlib.sha256(b"".join(parts)).hexdigest(), "bytes": sum(map(len, parts)),
         "rows": len(parts) if name.endswith(".jsonl") else None}
        for name, parts in FILES.items()
    ]  # fmt: skip
    assert written(FILES) == (made, told)


def test_how_a_file_is_cut_into_pieces_changes_no_byte() -> None:
    whole = b"".join(FILES["a.jsonl"])

    cut = [whole[start : start + 7] for start in range(0, len(whole), 7)]

    assert written({"a.jsonl": cut})[0] == written({"a.jsonl": [whole]})[0]


def test_whoever_gives_half_a_file_hears_their_own_fault_and_no_thread_stays() -> None:
    before = threading.active_count()

    def half() -> Iterator[bytes]:
        yield b"x" * (1 << 19)
        raise ValueError("The database went away.")

    with pytest.raises(ValueError, match="went away"), Archive(io.BytesIO()) as archive:
        archive.add("half.txt", half())

    assert threading.active_count() == before


@pytest.mark.parametrize("more", [0, 40])
def test_a_full_disk_is_told_to_whoever_gives_the_files(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    before = threading.active_count()
    monkeypatch.setattr(packet_archive.hashlib, "sha256", full)

    with pytest.raises(OSError, match="No space left"), Archive(io.BytesIO()) as archive:
        archive.add("first.txt", [b"x" * (1 << 19)] * (1 + more))

    assert threading.active_count() == before
