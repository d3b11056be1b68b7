"""The two trees that a round compares, sent to a node and kept there for the next round."""

import io
import platform
import shutil
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from bench.workers.revision import PACKAGES
from kernels.native import cache


def packed(root: Path) -> bytes:
    """The packages that are compared, as an archive; the same trees give the same bytes."""
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w") as tar:
        for package in PACKAGES:
            tar.add(root / package, arcname=package, filter=_without_dates)
    return text.getvalue()


def _without_dates(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if "__pycache__" in member.name:
        return None
    member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
    return member


def unpacked(archives: Mapping[str, bytes]) -> Path:
    """A folder with a folder for each, in the user's cache, where only the newest pair stays."""
    digest = sha256(b"".join(archives[name] for name in sorted(archives))).hexdigest()[:16]
    folder = cache.folder() / "gate" / platform.node() / digest  # homes may be shared by nodes
    if not folder.exists():
        shutil.rmtree(folder.parent, ignore_errors=True)
        partial = folder.with_suffix(".partial")
        for name, archive in archives.items():
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(partial / name, filter="data")
        partial.rename(folder)
    return folder
