"""Builds the Debian package: our wheel and everything that it runs on, as the lock file has it.

The libraries lie in a folder of their own and are used by nobody else; Debian's interpreter runs
them, so a package fits the Debian release that it was built on.  Nothing is fetched without a hash
of the lock file, nothing is compiled, and the same commit makes the same package, to the byte.
Run by `make deb`, on Debian.
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

import typer.main

from orchestrator.cli.main import app
from tools.licences import licences, said_once

ROOT: Final = Path(__file__).resolve().parent.parent
DEPLOY: Final = ROOT / "deploy"
NAME: Final = "room-orchestrator"
INTERPRETER: Final = "/usr/bin/python3"  # the release's own, by which the package is run
LIBRARIES: Final = f"usr/lib/{NAME}"
DOCS: Final = f"usr/share/doc/{NAME}"
SCRIPTS: Final = ("postinst", "prerm", "postrm")
# What the units say where a virtual environment lies in /opt (deploy/README.md), and the package.
_IN_OPT: Final = f"/opt/{NAME}/bin/{NAME}"
_PROGRAM: Final = f"/usr/bin/{NAME}"
_SHELLS: Final = {
    "bash": f"usr/share/bash-completion/completions/{NAME}",
    "zsh": f"usr/share/zsh/vendor-completions/_{NAME}",
    "fish": f"usr/share/fish/vendor_completions.d/{NAME}.fish",
}
_NEEDS: Final = (
    "libc6 (>= 2.28), libgcc-s1, libstdc++6, systemd (>= 252), init-system-helpers (>= 1.54), "
    "ca-certificates"
)
_DESCRIPTION: Final = """\
keeps the video meeting rooms that policies ask for
 A daemon that creates, renews, replaces and removes meeting rooms by the
 policies in a folder, and writes down what it did and why. It works with
 the Meetings API of a provider, or with its own Meetings server.
"""


@dataclass(frozen=True)
class Built:
    """What a package is made from.

    Attributes:
        version: in Debian's form, with a revision.
        epoch: the moment of the commit, in seconds since 1970; all files are of then.
        python: the release's, as 3.11.
        maintainer: whose commit it is.
    """

    version: str
    epoch: int
    python: str
    architecture: str
    maintainer: str


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="the folder; dist")
    parser.add_argument(
        "--version", action="append", help="in place of the project's; again: one package each"
    )
    parser.add_argument("--quick", action="store_true", help="compress little, for a test")
    arguments = parser.parse_args()
    lacking = [name for name in (INTERPRETER, "dpkg-deb", "dpkg") if shutil.which(name) is None]
    if lacking:
        print(f"A Debian package is built on Debian: {', '.join(lacking)} not found.")
        return 1
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct") or "0")
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)
    python = _said(INTERPRETER, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    if tuple(map(int, python.split("."))) < (3, 11):
        print(f"{INTERPRETER} is {python}; Room Orchestrator needs 3.11 or later.")
        return 1
    architecture = _said("dpkg", "--print-architecture")
    maintainer = _git("log", "-1", "--format=%an <%ae>") or f"{NAME} <root@localhost>"
    arguments.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{NAME}-") as folder:
        tree = Path(folder) / "tree"
        stage(tree, Path(folder))
        for version in arguments.version or [own_version(epoch)]:
            built = Built(version, epoch, python, architecture, maintainer)
            print(pack(tree, built, arguments.into, quick=arguments.quick))
    return 0


def own_version(epoch: int) -> str:
    """The project's version; before its release with the commit, so that each is above the last."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = str(project["version"])
    commit = _git("rev-parse", "--short=10", "HEAD")
    if commit and _git("tag", "--points-at", "HEAD", f"v{version}") == "":
        version += f"~{datetime.fromtimestamp(epoch, UTC):%Y%m%d%H%M%S}.g{commit}"
    return f"{version}-1"


# --- the tree -------------------------------------------------------------------------------------


def stage(tree: Path, scratch: Path) -> None:
    """Lay out all that is installed, but for what names the package's version."""
    _libraries(tree / LIBRARIES, scratch)
    _put(tree / "usr/bin" / NAME, (DEPLOY / "debian/launcher").read_text(), 0o755)
    units = DEPLOY / "systemd"
    for unit in (*units.glob("*.service"), *units.glob("*.socket")):
        text = unit.read_text(encoding="utf-8").replace(_IN_OPT, _PROGRAM)
        _put(tree / "usr/lib/systemd/system" / unit.name, text)
    _copy(units / f"{NAME}.sysusers", tree / f"usr/lib/sysusers.d/{NAME}.conf")
    _copy(DEPLOY / "config.yaml", tree / f"usr/share/{NAME}/config.yaml")
    _copy(DEPLOY / "logrotate" / NAME, tree / "etc/logrotate.d" / NAME)
    (tree / f"etc/{NAME}/policies").mkdir(parents=True)
    for shell, where in _SHELLS.items():
        _put(tree / where, completion(shell))
    _zip(tree / f"usr/share/man/man1/{NAME}.1.gz", manual())
    _copy(DEPLOY / "debian/lintian-overrides", tree / "usr/share/lintian/overrides" / NAME)
    _docs(tree / DOCS)
    _put(tree / DOCS / "copyright", licence_text(tree / LIBRARIES))


def _libraries(folder: Path, scratch: Path) -> None:
    """Our wheel, and wheels by the lock file for the release's interpreter; no bytecode."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    quiet = ["--no-deps", "--no-cache-dir"]
    _run(*pip, "wheel", *quiet, "--no-build-isolation", "--wheel-dir", str(scratch), str(ROOT))
    (wheel,) = scratch.glob("*.whl")
    install = [*pip, "--python", INTERPRETER, "install", "--no-compile", "--no-deps"]
    install += ["--only-binary", ":all:", "--root-user-action", "ignore", "--target", str(folder)]
    _run(*install, "--require-hashes", "--requirement", str(ROOT / "requirements.lock"))
    shutil.rmtree(folder / "bin")  # programs of libraries
    _run(*install, "--no-index", str(wheel))
    shutil.rmtree(folder / "bin")
    for file in folder.glob("*.dist-info/direct_url.json"):
        file.unlink()  # where this wheel lay, in a folder of a moment
        record = file.with_name("RECORD")
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if file.name not in line), "utf-8")


def _docs(folder: Path) -> None:
    pages = [page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts]
    given = [path for part in ("grafana", "prometheus") for path in (DEPLOY / part).rglob("*")]
    for source in (ROOT / "README.md", DEPLOY / "README.md", *pages, *given):
        if source.is_file():
            _copy(source, folder / source.relative_to(ROOT))
    _zip(folder / "changelog.gz", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    _copy(ROOT / "config.example.yaml", folder / "examples/config.example.yaml")
    for policy in sorted((ROOT / "policies").rglob("*")):
        if policy.is_file():
            _copy(policy, folder / "examples/policies" / policy.relative_to(ROOT / "policies"))
    for drop_in in (DEPLOY / "systemd").glob("*.conf"):
        _copy(drop_in, folder / "examples" / drop_in.name)


def completion(shell: str) -> str:
    """The script by which a shell completes our command."""
    environ = {**os.environ, "_ROOM_ORCHESTRATOR_COMPLETE": f"source_{shell}"}
    program = Path(sys.executable).parent / NAME
    done = subprocess.run([program], env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip() + "\n"


def manual() -> str:
    """The manual page: every command in a sentence, and where to read on."""
    lines = [f'.TH {NAME.upper()} 1 "" "Room Orchestrator" "User commands"', ".SH NAME"]
    lines += [rf"{NAME} \- keeps the video meeting rooms that policies ask for"]
    lines += [".SH SYNOPSIS", f".B {NAME}", r"[\-\-config FILE] [\-\-json] COMMAND ..."]
    lines += [".SH COMMANDS"]
    for words, told in _commands(typer.main.get_command(app), ()):
        lines += [".TP", rf".B {_roff(words)}", _roff(told)]
    lines += [".SH FILES"]
    for path, told in (
        (f"/etc/{NAME}/config.yaml", "the config; --config and $ROOM_ORCHESTRATOR_CONFIG go first"),
        (f"/etc/{NAME}/policies", "the policies and their data"),
        (f"/var/lib/{NAME}", "the store"),
        (f"/var/log/{NAME}/audit.jsonl", "the audit log"),
    ):
        lines += [".TP", rf".I {_roff(path)}", _roff(told)]
    told = "0 done, 1 failed, 2 invalid input, 3 changes pending, 4 stopped by a brake."
    lines += [".SH EXIT STATUS", told, ".SH SEE ALSO"]
    lines += [_roff(f"{NAME} COMMAND --help; /{DOCS}; journalctl -u {NAME}")]
    return "\n".join(lines) + "\n"


def _commands(command: Any, before: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, each in getattr(command, "commands", {}).items():
        if getattr(each, "commands", None):
            yield from _commands(each, (*before, name))
        else:
            told = (each.help or "").strip().partition("\n")[0]
            yield " ".join((*before, name)), told


def _roff(text: str) -> str:
    plain = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain


def licence_text(libraries: Path) -> str:
    """The copyright file: ours, and each library's by what it says of itself."""
    ours = f"""\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Room Orchestrator
Comment: The libraries are as their makers published them. Each has its licence in
 full in /{LIBRARIES}/*.dist-info.

Files: *
Copyright: 2026 the authors of Room Orchestrator
License: Apache-2.0
 On Debian systems its full text is in /usr/share/common-licenses/Apache-2.0.
"""
    parts = [ours]
    libraries_there = distributions(path=[str(libraries)])
    for each in sorted(libraries_there, key=lambda one: one.metadata["Name"].lower()):
        folder = re.sub(r"[-.]", "_", each.metadata["Name"])
        if folder != NAME.replace("-", "_"):
            author = said_once(each, "Author") or said_once(each, "Author-email") or "its authors"
            parts.append(
                f"Files: {LIBRARIES}/{folder}*\n"
                f"Copyright: {' '.join(author.split())}\n"
                f"License: {' and '.join(licences(each))}\n"
                f" In full: /{LIBRARIES}/{folder}-{each.version}.dist-info\n"
            )
    return "\n".join(parts)


# --- the package ----------------------------------------------------------------------------------


def pack(tree: Path, built: Built, into: Path, *, quick: bool) -> Path:
    """Make one package of the tree; it can be made again, with another version."""
    when = format_datetime(datetime.fromtimestamp(built.epoch, UTC))
    news = (
        f"{NAME} ({built.version}) unstable; urgency=medium\n\n"
        f"  * Built from the source of this version; see changelog.gz.\n\n"
        f" -- {built.maintainer}  {when}\n"
    )
    _zip(tree / DOCS / "changelog.Debian.gz", news)
    control = tree / "DEBIAN"
    shutil.rmtree(control, ignore_errors=True)
    _settle(tree, built.epoch)
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    _put(control / "control", _control(built, files))
    _put(control / "conffiles", f"/etc/logrotate.d/{NAME}\n")
    sums = [f"{_md5(path)}  {path.relative_to(tree)}\n" for path in files]
    _put(control / "md5sums", "".join(sums))
    for script in SCRIPTS:
        _put(control / script, (DEPLOY / "debian" / script).read_text(encoding="utf-8"), 0o755)
    _settle(control, built.epoch)
    package = into / f"{NAME}_{built.version}_{built.architecture}.deb"
    how = ["-Zgzip", "-z1"] if quick else ["-Zxz"]
    _run("dpkg-deb", "--root-owner-group", *how, "--build", str(tree), str(package))
    return package


def _control(built: Built, files: list[Path]) -> str:
    major, minor = map(int, built.python.split("."))
    # The libraries' compiled parts are for this interpreter and no other.
    interpreter = f"python3 (>= {built.python}), python3 (<< {major}.{minor + 1})"
    needs = f"{interpreter}, {_NEEDS}"
    size = sum(-(-path.stat().st_size // 1024) for path in files)
    return (
        f"Package: {NAME}\nVersion: {built.version}\nArchitecture: {built.architecture}\n"
        f"Maintainer: {built.maintainer}\nInstalled-Size: {size}\nDepends: {needs}\n"
        "Recommends: logrotate\nSuggests: bash-completion\nSection: net\nPriority: optional\n"
        f"Description: {_DESCRIPTION}"
    )


def _settle(folder: Path, epoch: int) -> None:
    """Rights and times that depend on nobody's umask and on no clock."""
    for path in (folder, *folder.rglob("*")):
        runs = path.is_dir() or path.parent.name == "bin" or path.name in SCRIPTS
        path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch))


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)


def _zip(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _git(*words: str) -> str:
    """What git says of this checkout; nothing where it is none."""
    command = ["git", "-C", str(ROOT), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
