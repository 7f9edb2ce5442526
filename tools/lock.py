"""Writes the lock files, and tells offline whether they are older than pyproject.toml.

A lock file begins with a digest of what pyproject.toml asked for when it was written.  It names
versions and hashes and no index, so that it installs from any mirror.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "# asked for by pyproject.toml: sha256 "
# Ordered: the later files keep to the versions of those before, so that all fit into one place.
LOCKS: dict[str, list[str]] = {
    "requirements.lock": ["pyproject.toml"],
    "requirements-build.lock": ["--group", "build"],
    "requirements-dev.lock": ["pyproject.toml", "--group", "dev"],
    "requirements-docs.lock": ["--group", "docs"],
}


def digest() -> str:
    """The digest of every dependency that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        project["project"]["requires-python"],
        project["project"]["dependencies"],
        project["project"].get("optional-dependencies", {}),
        project["dependency-groups"],
        LOCKS,
    ]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def write(*, upgrade: bool) -> None:
    """Compile each lock; without `upgrade` the versions that still fit are kept."""
    before: list[str] = []
    for name, sources in LOCKS.items():
        command = [
            str(Path(sys.executable).parent / "uv"),
            *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"),
            *("--system-certs", "--output-file", name, *sources),
            *(word for other in before for word in ("--constraint", other)),
            *(["--upgrade"] if upgrade else []),
        ]
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "VIRTUAL_ENV": sys.prefix})
        path = ROOT / name
        head = f"{PREFIX}{digest()}\n# written by `make lock`\n"
        path.write_text(head + path.read_text(encoding="utf-8"), encoding="utf-8")
        before.append(name)


def stale() -> list[str]:
    """The lock files that do not stem from today's pyproject.toml."""
    wanted = PREFIX + digest()
    return [
        name
        for name in LOCKS
        if not (ROOT / name).is_file()
        or (ROOT / name).read_text(encoding="utf-8").partition("\n")[0] != wanted
    ]


def main() -> int:
    """Run as a program; exit 1 when `--check` finds a stale file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only tell whether they are fresh")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    arguments = parser.parse_args()
    if not arguments.check:
        write(upgrade=arguments.upgrade)
        return 0
    old = stale()
    if old:
        print(f"{', '.join(old)}: older than pyproject.toml; run `make lock`.")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
