"""A version as one file: a zip archive of a few known members, read without unpacking anything to disk."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foretable.errors import UsageError, WarehouseError

FORMAT = "foretable model 1"
MEMBERS = {"onnx": "model.onnx", "form": "form.bin", "explain": "explain.onnx", "booster": "booster.ubj"}
"""Where each kind of artefact stands."""
DOCUMENT, GOLDEN = "model.json", "golden.json"
MOST_BYTES = 2**30
"""Of the file, and of all that it unfolds to."""
_MADE = (1980, 1, 1, 0, 0, 0)


def write(path: Path, document: Mapping[str, Any], golden: Mapping[str, Any], artifacts: Mapping[str, bytes]) -> None:
    """Write a file; equal content gives equal bytes."""
    contents = {GOLDEN: _json(golden), **{MEMBERS[kind]: content for kind, content in sorted(artifacts.items())}}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    described = _json({"format": FORMAT, **document, "hashes": hashes})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in {DOCUMENT: described, **contents}.items():
            member = zipfile.ZipInfo(name, _MADE)
            member.compress_type, member.external_attr, member.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            bundle.writestr(member, content)
    path.write_bytes(archive.getvalue())


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, bytes]]:
    """The document, the golden rows and the artefacts of a file, every byte checked against its hash.

    Raises
    ------
    UsageError
        There is no such file.
    WarehouseError
        It is no such archive: cut off, changed, too large, or with other members than a version has.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _refused(path, f"it has more than {MOST_BYTES:,} bytes")
        with zipfile.ZipFile(path) as bundle:
            contents = _contents(path, bundle)
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", where=str(path), hint="name a file that export model wrote") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _refused(path, f"it is damaged, or something else ({error})") from None
    document = _mapping(path, DOCUMENT, contents)
    if document.get("format") != FORMAT:
        raise _refused(path, f"its format is {document.get('format')!r}, not {FORMAT!r}")
    hashes = document.get("hashes")
    if not isinstance(hashes, dict) or hashes.keys() != contents.keys() - {DOCUMENT}:
        raise _refused(path, "it does not hold what it lists")
    for name, content in contents.items():
        if name != DOCUMENT and hashlib.sha256(content).hexdigest() != hashes[name]:
            raise _refused(path, f"{name} does not have the hash that it was written with")
    artifacts = {kind: contents[name] for kind, name in MEMBERS.items() if name in contents}
    if "onnx" not in artifacts or GOLDEN not in contents:
        raise _refused(path, f"it has no {MEMBERS['onnx'] if 'onnx' not in artifacts else GOLDEN}")
    return document, _mapping(path, GOLDEN, contents), artifacts


def _contents(path: Path, bundle: zipfile.ZipFile) -> dict[str, bytes]:
    known = {DOCUMENT, GOLDEN, *MEMBERS.values()}
    members = bundle.infolist()
    names = [member.filename for member in members]
    if strange := sorted(set(names) - known):
        raise _refused(path, f"{strange[0]!r} is no part of a version")
    if len(set(names)) != len(names) or DOCUMENT not in names:
        raise _refused(path, f"it has not one {DOCUMENT}, or a part twice")
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise _refused(path, f"it unfolds to more than {MOST_BYTES:,} bytes")
    left, contents = MOST_BYTES, {}
    for member in members:
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(path, f"{member.filename} is encrypted, or packed in a way that is not read")
        with bundle.open(member) as file:
            contents[member.filename] = file.read(left + 1)  # what the list says of sizes need not be true
        left -= len(contents[member.filename])
        if left < 0:
            raise _refused(path, f"it unfolds to more than {MOST_BYTES:,} bytes")
    return contents


def _mapping(path: Path, name: str, contents: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        found = json.loads(contents[name])
    except (ValueError, RecursionError):
        raise _refused(path, f"{name} is no JSON") from None
    if not isinstance(found, dict):
        raise _refused(path, f"{name} holds no object")
    return found


def _refused(path: Path, what: str) -> WarehouseError:
    return WarehouseError(f"the file is refused: {what}", where=str(path), hint="export the version again, and copy the file whole")


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1, default=str, allow_nan=False).encode()
