"""Writes docs/conformance.md from a run of the suites that hold the Meetings server to its API.

Usage: ``python -m tools.make_conformance``; a minute. It ends with 1 where something that is said
to be held is not, and the page says so too.
"""

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.conformance import CLAIMS, SUITES, Claim

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "conformance.md"
MODES = ("usual", "strict")

#: Whether all cases of a test passed, by its name in claims, then by mode.
Results = Mapping[str, Mapping[str, bool]]

HEAD = """\
# What the Meetings server holds of the Meetings API

<!-- Made by `make conformance` from a run of the tests that are named here. -->

Claim by claim: what the documents of the API say, or what was captured of it, and the tests that
hold our server to it, over HTTP and in memory. *Strict* is `meetings-server --strict-v1`: as the
final API, without DELETE of rooms. *Not asked*: no test in that mode. *Own* is what no document
settles: [decision 0004](decisions/0004-what-the-meetings-server-decides.md).

Of {claims} claims {held} are held. What is not held says what is done instead.
"""
TABLE = """
## {heading}

| Endpoint | Documented | Section | Tests | Usual | Strict |
| --- | --- | --- | --- | --- | --- |
"""


def run() -> Results:
    """Run the suites; what passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n0", f"--junitxml={report}"]
        subprocess.run([*command, *SUITES.values()], cwd=ROOT, check=False)
        cases = ET.parse(report).iter("testcase")  # noqa: S314 - our own run has written it
        found: dict[str, dict[str, bool]] = defaultdict(dict)
        short = {path.removesuffix(".py").replace("/", "."): name for name, path in SUITES.items()}
        for case in cases:
            name, _, parameters = case.attrib["name"].partition("[")
            test = f"{short[case.attrib['classname']]}:{name.removeprefix('test_')}"
            strict = "strict" in name or re.search(r"\bstrict\b", parameters.replace("_", " "))
            mode = "strict" if strict else "usual"
            passed = case.find("failure") is None and case.find("error") is None
            found[test][mode] = found[test].get(mode, True) and passed
        return found


def page(results: Results) -> str:
    """The page, by the claims and what became of their tests."""
    claims = [claim for group in CLAIMS.values() for claim in group]
    kept = [claim for claim in claims if is_held(claim, results)]
    text = HEAD.format(claims=len(claims), held=len(kept))
    for heading, group in CLAIMS.items():
        text += TABLE.format(heading=heading)
        text += "".join(f"| {' | '.join(row(claim, results))} |\n" for claim in group)
    return text


def row(claim: Claim, results: Results) -> tuple[str, ...]:
    """One line of the table, by its columns."""
    told = claim.told if claim.tests else f"{claim.told}. *Instead:* {claim.instead}"
    tests = ", ".join(f"`{test}`" for test in claim.tests) or "none"
    marks = (_mark(claim, mode, results) for mode in MODES)
    return (claim.endpoint, told.replace("|", "\\|"), claim.section, tests, *marks)


def is_held(claim: Claim, results: Results) -> bool:
    """Whether there are tests, and all of them passed in every mode in which they ran."""
    return bool(claim.tests) and all(
        results.get(test) and all(results[test].values()) for test in claim.tests
    )


def _mark(claim: Claim, mode: str, results: Results) -> str:
    if not claim.tests or not all(results.get(test) for test in claim.tests):
        return "not held"
    outcomes = [results[test][mode] for test in claim.tests if mode in results.get(test, {})]
    if not outcomes:
        return "not asked"
    return "held" if all(outcomes) else "not held"


def main() -> int:
    """Write the page."""
    results = run()
    PAGE.write_text(page(results), encoding="utf-8")
    broken = [
        claim
        for group in CLAIMS.values()
        for claim in group
        if claim.tests and not is_held(claim, results)
    ]
    for claim in broken:
        print(f"not held: {claim.endpoint}: {claim.told}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
