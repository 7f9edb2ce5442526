"""Checks that everything we ship with has a licence that goes with Apache-2.0.

Looks at what room-orchestrator needs at run time, with all that those packages need in turn.  Tools
of the developer are not shipped and not looked at.
"""

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution

OURS = "room-orchestrator"
# SPDX identifiers, and below the older ways in which packages say the same.
FITTING = frozenset(
    [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "LGPL-2.1-or-later",
        "LGPL-3.0-or-later",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    ]
)
OLDER_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
# A requirement's name; what follows is extras, versions and the environment's marker.
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def shipped() -> dict[str, Distribution]:
    """Every distribution that a running room-orchestrator needs, by name."""
    found: dict[str, Distribution] = {}
    waiting = [OURS]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # asked for on another platform, or by an extra that we do not take
        for requirement in found[name].requires or ():
            match = NAME.match(requirement)
            if match and "extra ==" not in requirement.replace("'", '"'):
                waiting.append(re.sub(r"[-_.]+", "-", match[0]).lower())
    return found


def said_once(package: Distribution, field: str) -> str:
    """A field of the package's metadata, or nothing."""
    return next(iter(package.metadata.get_all(field) or ()), "")


def licences(package: Distribution) -> list[str]:
    """What the package says of its licence, as SPDX identifiers where they can be told."""
    expression = said_once(package, "License-Expression")
    if expression:
        return [word for word in re.split(r"[\s()]+|\bAND\b|\bOR\b", expression) if word]
    classified = [
        line.rpartition(" :: ")[2]
        for line in package.metadata.get_all("Classifier", [])
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    said = classified or [said_once(package, "License") or "nothing said"]
    return [OLDER_NAMES.get(name, name) for name in said]


def main() -> int:
    """Print each package whose licence does not fit; exit 1 if there is one."""
    packages = shipped()
    misfits = {
        name: licences(package)
        for name, package in sorted(packages.items())
        if not FITTING.issuperset(licences(package))
    }
    for name, said in misfits.items():
        print(f"{name}: {', '.join(said)} is not among the licences that go with Apache-2.0")
    print(f"licences: {len(packages) - 1} packages, {len(misfits)} that do not fit")
    return 1 if misfits else 0


if __name__ == "__main__":
    sys.exit(main())
