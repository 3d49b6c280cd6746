"""Checks a packet with nothing but Python's standard library: python3 verify.py [PACKET.zip or its folder].

Every file has the size and SHA-256 that manifest.json states and none is missing or added; every ledger entry has the
digest of its own bytes; every sealed entry is in the tree whose root the checkpoint states; the checkpoint is signed
with the key that manifest.json names (compare that key with one you got from the firm another way); every rendered
message has the digest that its message row states; every row is as its schema says. An export of the whole ledger
(manage.py export_ledger) holds every sealed entry in order: the tree is built again, so one that was removed, added or
moved is named too.

python3 verify.py message NUMBER > one.eml writes the exact bytes of one message, to be opened by a mail program.

Prints PASS, or FAIL and what is wrong; exit code 0 or 1.
"""

import base64
import bisect
import csv
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


class Folder:
    """A packet that was unpacked."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def names(self) -> list[str]:
        """Every file's path inside the packet."""
        return sorted(str(one.relative_to(self.root)) for one in self.root.rglob("*") if one.is_file())

    def open(self, name: str) -> "IO[bytes]":
        """One file, to be read."""
        return (self.root / name).open("rb")

    def read(self, name: str) -> bytes:
        """One file's bytes."""
        return (self.root / name).read_bytes()


class Zip:
    """A packet as it came."""

    def __init__(self, path: str) -> None:
        self.file = zipfile.ZipFile(path)

    def names(self) -> list[str]:
        """Every file's path inside the packet."""
        return sorted(self.file.namelist())

    def open(self, name: str) -> "IO[bytes]":
        """One file, to be read."""
        return self.file.open(name)

    def read(self, name: str) -> bytes:
        """One file's bytes."""
        return self.file.read(name)


def faults(packet: "Folder | Zip") -> list[str]:
    """Everything that is wrong, in words; empty when the packet is sound."""
    try:
        manifest = json.loads(packet.read("manifest.json"))
    except (KeyError, OSError, ValueError):
        return ["manifest.json is missing or cannot be read."]
    wrong = list(_files(packet, manifest))
    if not wrong and manifest.get("whole_ledger"):
        return _whole(packet, manifest)
    if not wrong:
        wrong += _schemas(packet, manifest)
        wrong += _ledger(packet, manifest)
        wrong += _messages(packet)
    return wrong


def _files(packet: "Folder | Zip", manifest: dict) -> "Iterator[str]":
    stated = {one["path"]: one for one in manifest["files"]}
    for name in packet.names():
        if name not in stated and name != "manifest.json":
            yield f"{name} was added."
    for name, one in stated.items():
        size, sha256 = 0, hashlib.sha256()
        try:
            with packet.open(name) as file:
                while part := file.read(1 << 20):
                    size += len(part)
                    sha256.update(part)
        except (KeyError, OSError):
            yield f"{name} is missing."
            continue
        except zipfile.BadZipFile:
            yield f"{name} was altered."
            continue
        if size != one["bytes"] or sha256.hexdigest() != one["sha256"]:
            yield f"{name} was altered."


def _rows(packet: "Folder | Zip", name: str) -> "Iterator":
    with packet.open(name) as file:
        for line in file:
            yield json.loads(line)


def _schemas(packet: "Folder | Zip", manifest: dict) -> "Iterator[str]":
    """The first row of each file that its schema does not allow."""
    stated = manifest.get("schemas", {})
    for name in [one["path"] for one in manifest["files"]] + ["manifest.json"]:
        where = stated.get(name) or stated.get(name.split("/")[0] + "/")
        if not where or name.startswith("schema/") or not name.endswith((".json", ".jsonl", ".csv")):
            continue  # cards are there to be read, too
        schema = json.loads(packet.read(where))
        if name.endswith(".csv"):
            with packet.open(name) as file:
                lines = csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))
                told = next((bad for one in lines for bad in _misfit(one, schema)), "")
        else:
            rows = _rows(packet, name) if name.endswith(".jsonl") else iter([json.loads(packet.read(name))])
            told = next((f"row {n}: {bad}" for n, one in enumerate(rows, 1) for bad in _misfit(one, schema)), "")
        if told:
            yield f"{name} is not what {where} says: {told}."


def _misfit(value: object, schema: dict, at: str = "") -> "Iterator[str]":
    """Where a value is not as a schema says, for the words that these schemas use."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, one) for one in kinds):
        yield f"{at or 'it'} is no {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at or 'it'} is none of {schema['enum']}"
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        inside = f"{at}." if at else ""
        for name in schema.get("required", []):
            if name not in value:
                yield f"{inside}{name} is missing"
        for name, one in value.items():
            if name in fields:
                yield from _misfit(one, fields[name], inside + name)
            elif schema.get("additionalProperties") is False:
                yield f"{inside}{name} has no place"
    elif isinstance(value, list) and schema.get("items"):
        for one in value:
            yield from _misfit(one, schema["items"], at)


def _is(value: object, kind: str) -> bool:
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    return isinstance(value, KINDS[kind])  # type: ignore[arg-type]


KINDS = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
    "null": type(None),
}  # fmt: skip


def _ledger(packet: "Folder | Zip", manifest: dict) -> "Iterator[str]":
    note = packet.read("ledger/checkpoint.txt").decode()
    size, root = 0, b""
    if note:
        fault = signature_fault(note, manifest["ledger_key"])
        if fault:
            yield fault
        lines = note.splitlines()
        size, root = int(lines[1]), base64.b64decode(lines[2])
    shared: list = []
    for row in _rows(packet, "ledger/entries.jsonl"):
        texts = [str(one).encode() for one in row["entry"]]
        digest = hashlib.sha256(b"".join(b"%d:%s" % (len(one), one) for one in texts)).digest()
        if digest.hex() != row["digest"]:
            yield f"Ledger entry {row['entry'][0]} was altered."
        elif row["leaf"] is not None:
            leaf = hashlib.sha256(b"\x00" + digest).digest()
            if "proof" not in row:
                shared.append((row["leaf"], leaf))
            elif root_of(leaf, row["leaf"], size, [bytes.fromhex(one) for one in row["proof"]]) != root:
                yield f"Ledger entry {row['entry'][0]} is not in the signed tree."
    if shared:
        nodes = {(one["start"], one["size"]): one["hash"] for one in _rows(packet, "ledger/nodes.jsonl")}
        if _shared_root(sorted(shared), nodes, size) != root:
            yield "The ledger entries, taken together, are not those of the signed tree."


def _shared_root(leaves: list, nodes: dict, size: int) -> "bytes | None":
    """The root of a tree of which these leaves, (place, hash) in order, and the parts without any of them are known."""
    done: list = []
    waiting = [(0, size, 0, len(leaves))]
    while waiting:
        start, many, low, high = waiting.pop()
        if many == 0:  # both halves are known
            right = done.pop()
            done.append(hashlib.sha256(b"\x01" + done.pop() + right).digest())
        elif low == high:
            if (start, many) not in nodes:
                return None
            done.append(bytes.fromhex(nodes[start, many]))
        elif many == 1:
            if high - low != 1 or leaves[low][0] != start:
                return None
            done.append(leaves[low][1])
        else:
            split = 1 << (many - 1).bit_length() - 1
            middle = bisect.bisect_left(leaves, (start + split,), low, high)
            waiting += [(0, 0, 0, 0), (start + split, many - split, middle, high), (start, split, low, middle)]
    return done[0] if done else None


def _whole(packet: "Folder | Zip", manifest: dict) -> list:
    """The first thing that is wrong with an export of the whole ledger, as a list of one; [] when it is sound."""
    notes = packet.read("ledger/checkpoints.txt").decode().split("\n\n")
    heads = {int(text.splitlines()[1]): base64.b64decode(text.splitlines()[2]) for text in notes[:-1:2]}
    if not heads:
        return ["There is no checkpoint."]
    fault = signature_fault(f"{notes[-3]}\n\n{notes[-2]}", manifest["ledger_key"])  # the last one covers all others
    if fault:
        return [fault]
    roots: list = []
    size = 0
    with packet.open("ledger/entries.jsonl") as file:
        for line in file:
            row = json.loads(line)
            if row["leaf"] != size:
                return [f"Entry of leaf {size} was removed or moved: the next one is entry {row['entry'][0]}."]
            texts = [str(one).encode() for one in row["entry"]]
            digest = hashlib.sha256(b"".join(b"%d:%s" % (len(one), one) for one in texts)).digest()
            if digest.hex() != row["digest"]:
                return [f"Ledger entry {row['entry'][0]} was altered."]
            roots.append(hashlib.sha256(b"\x00" + digest).digest())
            full = size
            while full & 1:
                right = roots.pop()
                roots.append(hashlib.sha256(b"\x01" + roots.pop() + right).digest())
                full >>= 1
            size += 1
            if size in heads and _top(roots) != heads[size]:
                first = max((one for one in heads if one < size), default=0)
                return [f"An entry from leaf {first} to {size - 1} is not the one that was signed."]
    return [] if size == max(heads) else [f"The last checkpoint covers {max(heads)} entries; {size} are here."]


def _top(roots: list) -> bytes:
    top = roots[-1]
    for one in reversed(roots[:-1]):
        top = hashlib.sha256(b"\x01" + one + top).digest()
    return top


def _messages(packet: "Folder | Zip") -> "Iterator[str]":
    if "messages.jsonl" not in packet.names():
        return
    name, held = "", b""
    for row in _rows(packet, "messages.jsonl"):
        if row["file"]:
            if row["file"] != name:
                name, held = row["file"], packet.read(row["file"])
            mime = held[row["at"] : row["at"] + row["bytes"]]
            if hashlib.sha256(mime).hexdigest() != row["sha256"]:
                yield f"Message {row['id']} in {row['file']} is not the message that was sent."


def root_of(leaf: bytes, index: int, size: int, path: list) -> "bytes | None":
    """The root an audit path leads to (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return None
    last = size - 1
    for one in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            leaf = hashlib.sha256(b"\x01" + one + leaf).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            leaf = hashlib.sha256(b"\x01" + leaf + one).digest()
        index, last = index >> 1, last >> 1
    return leaf if last == 0 else None


def signature_fault(note: str, key: str) -> str:
    """Why the signed note is not signed with the verifier key name+id+base64; "" when it is."""
    name, _, public = key.split("+", 2)
    text, _, signatures = note.partition("\n\n")
    for line in signatures.splitlines():
        mark, signer, signed = line.split(" ")
        if (mark, signer) == ("—", name):
            raw = base64.b64decode(signed)
            if verified(base64.b64decode(public)[1:], f"{text}\n".encode(), raw[4:]):
                return ""
    return "The checkpoint is not signed with the ledger's key."


def verified(public: bytes, message: bytes, signature: bytes) -> bool:
    """Ed25519 (RFC 8032, section 5.1.7)."""
    point, noise = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if point is None or noise is None or s >= L or len(signature) != 64:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    y = 4 * pow(5, -1, P) % P
    base = (_x(y, 0), y)
    return _times(s, base) == _plus(noise, _times(h, point))


def _x(y: int, sign: int) -> "int | None":
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return x if x & 1 == sign else P - x


def _point(raw: bytes) -> "tuple | None":
    number = int.from_bytes(raw, "little")
    y = number & (1 << 255) - 1
    x = _x(y, number >> 255) if y < P else None
    return None if x is None else (x, y)


def _plus(one: tuple, two: tuple) -> tuple:
    (a, b), (c, d) = one, two
    e = D * a * b * c * d
    return (a * d + c * b) * pow(1 + e, -1, P) % P, (b * d + a * c) * pow(1 - e, -1, P) % P


def _times(number: int, point: tuple) -> tuple:
    total = (0, 1)
    while number:
        if number & 1:
            total = _plus(total, point)
        point, number = _plus(point, point), number >> 1
    return total


def _show(arguments: "list[str]") -> int:
    """Write one message's bytes to the screen or a pipe: verify.py message NUMBER [PACKET.zip or its folder]."""
    where = arguments[1] if arguments[1:] else str(Path(__file__).resolve().parent)
    packet = Folder(where) if Path(where).is_dir() else Zip(where)
    for row in _rows(packet, "messages.jsonl"):
        if row["id"] == arguments[0] and row["file"]:
            sys.stdout.buffer.write(packet.read(row["file"])[row["at"] : row["at"] + row["bytes"]])
            return 0
    sys.stdout.write("There is no such message.\n")
    return 1


def main(arguments: "list[str]") -> int:
    """Check the packet named, or the folder this script lies in."""
    if arguments[:1] == ["message"]:
        return _show(arguments[1:])
    where = arguments[0] if arguments else str(Path(__file__).resolve().parent)
    packet = Folder(where) if Path(where).is_dir() else Zip(where)
    wrong = faults(packet)
    for one in wrong:
        sys.stdout.write(f"FAIL {one}\n")
    if not wrong:
        sys.stdout.write(f"PASS {len(packet.names())} files\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
