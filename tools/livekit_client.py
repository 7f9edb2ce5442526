"""Fetches LiveKit's library for browsers, which the meeting page is served with, and checks it.

The page loads nothing from elsewhere, so the library travels with the package: one file of one
version, as its makers built it, beside the licences of all that is built into it.  `--check` tells
offline whether what is in the repository is that file; without it the file is fetched anew by npm
from whichever registry npm is set up with, and taken only if it has the hash that stands here.

To move to another version: change VERSION, PARTS (`--parts` reads them from the library's source
map) and, after having looked at what was fetched, SHA256.
"""

import argparse
import hashlib
import itertools
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "orchestrator" / "meetings_server" / "http" / "meeting"
FILE: Final = "livekit-client.js"
LICENCES: Final = "livekit-client.licences.txt"

NAME: Final = "livekit-client"
VERSION: Final = "2.23.0"
SHA256: Final = "d21d2e433434b7b3357ca1bb04bd56803b1fa0f9ff380dcd824523b53d96fd02"
#: What is built into the file, as npm names it.
PARTS: Final = (
    "@bufbuild/protobuf@1.10.1",
    "@livekit/mutex@1.1.1",
    "events@3.3.0",
    "jose@6.2.12",
    "loglevel@1.9.2",
    "machina@7.0.1",
    "sdp-transform@2.15.0",
    "sdp@3.2.2",
    "webrtc-adapter@9.0.6",
)
# Built in as well, and not in the map.
_UNMAPPED: Final = ("@livekit/protocol@1.52.1",)
# Ships its licence as comments of its files alone.
_COMMENTED: Final = {"@bufbuild/protobuf": r"dist/esm/google/varint\.js"}
_IN_MAP: Final = re.compile(r"node_modules/\.pnpm/((?:@[^/+]+\+)?[^/@]+@[0-9][^/_(]*)")


def packed(name: str, version: str, folder: Path) -> tarfile.TarFile:
    """A package as npm has it, opened."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    return tarfile.open(folder / done.stdout.strip().splitlines()[-1])


def member(package: tarfile.TarFile, wanted: str) -> bytes:
    """One file of a package; empty if it has none of that name."""
    for name in package.getnames():
        if re.fullmatch(rf"[^/]+/{wanted}", name):
            content = package.extractfile(name)
            return content.read() if content is not None else b""
    return b""


def parts(package: tarfile.TarFile) -> tuple[str, ...]:
    """What is built in, told by the source map."""
    sources = json.loads(member(package, r"dist/livekit-client\.umd\.js\.map"))["sources"]
    found = {match[1].replace("+", "/", 1) for one in sources if (match := _IN_MAP.search(one))}
    return tuple(sorted(found))


def licence(name: str, version: str, folder: Path) -> str:
    """A package's name and the text of its licence, or its word for it where it ships no text."""
    with packed(name, version, folder) as package:
        text = member(package, r"(?i:licen[cs]e)(?:\.md|\.txt|-MIT)?").decode()
        if not text and name in _COMMENTED:
            lines = member(package, _COMMENTED[name]).decode().splitlines()
            head = itertools.takewhile(lambda line: not line or line.startswith("//"), lines)
            text = "\n".join(line.removeprefix("//").strip() for line in head)
        said = json.loads(member(package, r"package\.json")).get("license", "")
    title = f"{name} {version} ({said})"
    return f"{title}\n{'=' * len(title)}\n\n{text.strip() or said}\n"


def fetch(*, show_parts: bool) -> int:
    """Write the file and the licences; 1 if what came is not what is wanted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with packed(NAME, VERSION, folder) as package:
            if show_parts:
                print(*parts(package), sep="\n")
                return 0
            content = member(package, r"dist/livekit-client\.umd\.js")
            # The map stays behind, so nothing is to ask for it.
            content = re.sub(rb"\n//# sourceMappingURL=\S+\s*$", b"\n", content)
            built_in = parts(package)
        digest = hashlib.sha256(content).hexdigest()
        if digest != SHA256 or built_in != PARTS:
            print(f"{NAME} {VERSION} is not what it was: sha256 {digest}, parts {built_in}")
            return 1
        wanted = [(NAME, VERSION), *(tuple(one.rsplit("@", 1)) for one in (*_UNMAPPED, *PARTS))]
        licences = [licence(part, version, folder) for part, version in wanted]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / FILE).write_bytes(content)
    (FOLDER / LICENCES).write_text("\n\n".join(licences), encoding="utf-8")
    return 0


def check() -> int:
    """Tell whether what is in the repository is what is pinned; 1 if not."""
    digest = hashlib.sha256((FOLDER / FILE).read_bytes()).hexdigest()
    told = (FOLDER / LICENCES).read_text(encoding="utf-8")
    silent = [one for one in (*_UNMAPPED, *PARTS) if one.rsplit("@", 1)[0] not in told]
    if digest != SHA256 or silent:
        print(f"{FOLDER / FILE}: not {NAME} {VERSION}, or its licences lack {silent}")
        print("Run `make livekit-client`.")
        return 1
    print(f"livekit-client: {VERSION}, {len(PARTS) + len(_UNMAPPED)} packages built in")
    return 0


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only tell whether it is the file")
    parser.add_argument("--parts", action="store_true", help="only tell what is built into it")
    arguments = parser.parse_args()
    return check() if arguments.check else fetch(show_parts=arguments.parts)


if __name__ == "__main__":
    sys.exit(main())
