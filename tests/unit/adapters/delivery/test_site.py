"""Links as files: what is served, what lies beside it, and what no name and no kill does to it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from orchestrator.adapters.delivery import site as module
from orchestrator.adapters.delivery.site import FORGOTTEN, Pages, Site, Written
from orchestrator.domain.announcements import Stage
from orchestrator.domain.links import Addresses, LinkScheme, LinkView
from orchestrator.domain.reports import LinkRow, LinksReport
from orchestrator.foundation.replacing import replace_file
from orchestrator.foundation.secret import Secret
from orchestrator.ports.deliveries import DeliveryFault

PUBLIC = "https://rooms.example.com"
SCHEME = LinkScheme(PUBLIC, Secret("k" * 32))
NOW = datetime(2026, 12, 3, 14, 45, tzinfo=UTC)
ROOM = "https://meet.example/1"
OPEN = LinkView(Stage.OPEN, "Checkout", room_link=ROOM)
WAITING = LinkView(Stage.WAITING, "Checkout")
CHECKOUT = SCHEME.link_of("team-rooms", "checkout")
SEARCH = SCHEME.link_of("team-rooms", "search")
LEADS_OUT = json.dumps(
    {
        "version": 1,
        "kind": "room-orchestrator links",
        "links": [
            {"path": "/r/../../x", "name": "", "title": "", "stage": "open", "over_since": None}
        ],
    }
)
SERIES = SCHEME.series_of("all-hands")


def text_of(view: LinkView, where: Addresses) -> str:
    """A page that is easily looked at."""
    return f"{view.stage} {view.title} {view.leads_to} {view.note} at {where.link}"


def site_at(folder: Path) -> Site:
    """A site with such pages."""
    return Site(folder, Pages(text_of, "nowhere"))


def told(links: Mapping[str, LinkView]) -> LinksReport:
    """A report of these links."""
    rows = [LinkRow(f"of {link[-3:]}", Addresses(link), view) for link, view in links.items()]
    return LinksReport(PUBLIC, tuple(rows))


def page_of(folder: Path, link: str) -> Path:
    """Where a plain server of files finds the page of a link."""
    return folder / "site" / unquote(link.removeprefix(f"{PUBLIC}/")) / "index.html"


def every(folder: Path) -> dict[str, str]:
    """All files and what they say."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def index_of(folder: Path) -> dict[str, dict[str, str | None]]:
    """The lines of the index, by path."""
    lines = json.loads((folder / "index.json").read_text())["links"]
    return {line["path"]: line for line in lines}


def test_there_is_a_page_for_every_link(tmp_path: Path) -> None:
    """Where a server of files looks for it, and none of its folders can be listed."""
    folder = tmp_path / "links"
    written = site_at(folder).write(told({CHECKOUT: OPEN, SERIES: WAITING}), NOW)
    assert written == Written(links=2, changed=2, over=0)
    assert page_of(folder, CHECKOUT).read_text() == f"open Checkout {ROOM}  at {CHECKOUT}"
    assert page_of(folder, SERIES).read_text() == f"waiting Checkout   at {SERIES}"
    served = folder / "site"
    for bare in ("404.html", "index.html", "r/index.html", "r/team-rooms/index.html"):
        assert (served / bare).read_text() == "nowhere"
    for one in (served, *served.rglob("*")):
        assert one.is_file() or (one / "index.html").is_file()
    # What lists links lies beside what is served.
    assert {path.name for path in folder.iterdir()} == {
        "site", "index.json", "nginx.map", "_redirects",
    }  # fmt: skip
    path = CHECKOUT.removeprefix(PUBLIC)
    assert (folder / "nginx.map").read_text() == f'"{path}" "{ROOM}";\n'
    assert (folder / "_redirects").read_text() == f"{path}  {ROOM}  302!\n"
    line = index_of(folder)[path]
    assert (line["stage"], line["leads_to"], line["over_since"]) == ("open", ROOM, None)
    assert page_of(folder, CHECKOUT) == folder / str(line["page"])


def test_a_link_that_is_not_told_any_more_is_over(tmp_path: Path) -> None:
    """And never a page that leads to a room of before; it comes back when it is told again."""
    site = site_at(tmp_path)
    site.write(told({CHECKOUT: OPEN, SEARCH: OPEN}), NOW)
    assert site.write(told({SEARCH: OPEN}), NOW) == Written(links=1, changed=1, over=1)
    assert page_of(tmp_path, CHECKOUT).read_text() == (
        f"closed Checkout  This room has ended. at {CHECKOUT}"
    )
    assert CHECKOUT.removeprefix(PUBLIC) not in (tmp_path / "nginx.map").read_text()
    # Since when is remembered, by the index alone.
    later = NOW + FORGOTTEN - timedelta(seconds=1)
    assert site_at(tmp_path).write(told({SEARCH: OPEN}), later).over == 0
    assert page_of(tmp_path, CHECKOUT).exists()
    site.write(told({CHECKOUT: OPEN, SEARCH: OPEN}), later)
    assert ROOM in page_of(tmp_path, CHECKOUT).read_text()
    assert index_of(tmp_path)[CHECKOUT.removeprefix(PUBLIC)]["over_since"] is None


def test_what_is_over_is_forgotten_some_day(tmp_path: Path) -> None:
    """Its page is gone, and of it nothing stays."""
    site = site_at(tmp_path)
    site.write(told({CHECKOUT: OPEN, SERIES: OPEN}), NOW)
    before = every(tmp_path)
    site.write(told({CHECKOUT: OPEN, SERIES: OPEN, SEARCH: OPEN}), NOW)
    site.write(told({CHECKOUT: OPEN, SERIES: OPEN}), NOW)
    site.write(told({CHECKOUT: OPEN, SERIES: OPEN}), NOW + FORGOTTEN)
    assert every(tmp_path) == before
    assert not page_of(tmp_path, SEARCH).parent.exists()


def test_twice_is_as_once(tmp_path: Path) -> None:
    """Nothing is written that is there: by this process, or by one before."""
    site = site_at(tmp_path)
    report = told({CHECKOUT: OPEN, SEARCH: WAITING})
    site.write(report, NOW)
    made = {path: path.stat().st_ino for path in tmp_path.rglob("*")}
    for one in (site, site_at(tmp_path)):
        assert one.write(report, NOW).changed == 0
        assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} == made
    # Another one finds what somebody spoilt; this one after it failed.
    page_of(tmp_path, CHECKOUT).write_text("spoilt")
    assert site_at(tmp_path).write(report, NOW).changed == 1


@pytest.mark.parametrize(
    "subject",
    [
        "../../../../etc/passwd",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "index.html",
        "größte Gruppe " * 10,  # cut, and perhaps inside a character
        "漢" * 60,
        "x" * 200,
        "50% off\"';$x{}",
        "<script>",
        "~",
        "größte Gruppe",
        "pagerduty-4711",
    ],
)
@pytest.mark.parametrize("tokened", [True, False], ids=["token", "open"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, subject: str, *, tokened: bool) -> None:
    """What no file can be called has its page elsewhere, and the lists lead there."""
    scheme = LinkScheme(PUBLIC, Secret("k" * 32), tokened=tokened)
    folder = tmp_path / "links"
    link = scheme.link_of("team-rooms", subject.strip())
    site_at(folder).write(told({link: WAITING, scheme.series_of("team-rooms"): OPEN}), NOW)
    path = link.removeprefix(PUBLIC)
    page = folder / str(index_of(folder)[path]["page"])
    assert page.resolve().is_relative_to(folder / "site")
    assert page.read_text() == f"waiting Checkout   at {link}"
    assert [one.name for one in tmp_path.iterdir()] == ["links"]
    plain = not subject.startswith(".") and not {"/", "\\"} & set(subject)
    if subject in {"größte Gruppe", "50% off\"';$x{}", "<script>", "~", "pagerduty-4711"}:
        assert page == page_of(folder, link)
    elif not plain:
        assert page != page_of(folder, link)
    if page == page_of(folder, link):
        assert path not in (folder / "nginx.map").read_text()
    else:
        assert page.parent.parent == folder / "site/r/_"
        instead = f"/r/_/{page.parent.name}/"
        assert f'"{path}" "{instead}";\n' in (folder / "nginx.map").read_text()
        assert f"{path}  {instead}  200!\n" in (folder / "_redirects").read_text()


def test_no_address_of_a_room_breaks_a_list(tmp_path: Path) -> None:
    """Neither out of its quotes nor into a variable of nginx."""
    hostile = replace(OPEN, room_link='https://meet.example/$host";return\\')
    site_at(tmp_path).write(told({CHECKOUT: hostile}), NOW)
    path = CHECKOUT.removeprefix(PUBLIC)
    assert (tmp_path / "nginx.map").read_text() == (
        f'"{path}" "https://meet.example/%24host%22;return%5C";\n'
    )
    odd = replace(OPEN, room_link="https://meet.example/\nx")
    site_at(tmp_path).write(told({CHECKOUT: odd}), NOW)
    assert (tmp_path / "_redirects").read_text() == ""
    assert index_of(tmp_path)[path]["leads_to"] is None


def test_nobody_else_may_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But the group of the folder, which is handed on; whatever the umask says."""

    def wrong(folder: Path) -> list[str]:
        return [
            str(path)
            for path in folder.rglob("*")
            if stat.S_IMODE(path.stat().st_mode) != (0o640 if path.is_file() else 0o2750)
        ]

    def modest(path: Path, mode: int) -> None:
        del mode
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))

    def forgetful(path: Path, mode: int) -> None:
        os.chmod(path, mode & 0o777)  # noqa: PTH101 - as the kernel does for who is not in the group

    given: tuple[tuple[str, int, Callable[[Path, int], None] | None], ...] = (
        ("root", 0o077, None),
        ("in a sandbox", 0o027, modest),
        ("kept out by a sandbox", 0o077, modest),
        ("not in the group", 0o077, forgetful),
    )
    for name, umask, chmod in given:
        folder = tmp_path / name
        folder.mkdir()
        folder.chmod(0o2750)
        before = os.umask(umask)
        try:
            with monkeypatch.context() as patched:
                if chmod is not None:
                    patched.setattr(Path, "chmod", chmod)
                if umask == 0o077 and chmod is not None:
                    with pytest.raises(DeliveryFault, match="set UMask=0027"):
                        site_at(folder).write(told({CHECKOUT: OPEN}), NOW)
                    assert [one.name for one in folder.iterdir()] == ["index.json"]
                    continue
                site_at(folder).write(told({CHECKOUT: OPEN}), NOW)
        finally:
            os.umask(before)
        assert (folder / "site").is_dir()
        assert wrong(folder) == []


@pytest.mark.parametrize(
    "index",
    [
        "{",
        "[]",
        '{"version": 1, "kind": "another"}',
        '{"version": 2, "kind": "room-orchestrator links", "links": []}',
        '{"version": 1, "kind": "room-orchestrator links", "links": [{}]}',
        LEADS_OUT,
    ],
)
def test_a_folder_of_others_is_left_alone(tmp_path: Path, index: str) -> None:
    """Also one of another release, or whose index nobody can read."""
    (tmp_path / "index.json").write_text(index)
    before = every(tmp_path)
    with pytest.raises(DeliveryFault, match="is none of ours, or of another release"):
        site_at(tmp_path).write(told({CHECKOUT: OPEN}), NOW)
    assert every(tmp_path) == before
    (tmp_path / "index.json").rename(tmp_path / "holidays.json")
    with pytest.raises(DeliveryFault, match="holds something else: name an empty folder"):
        site_at(tmp_path).write(told({CHECKOUT: OPEN}), NOW)


class Killed(BaseException):
    """The process is gone."""


def test_no_kill_leaves_a_page_that_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after each file in turn: what the next process is not told of any more is over."""
    first = told({CHECKOUT: OPEN, SERIES: WAITING})
    second = told({CHECKOUT: WAITING, SEARCH: OPEN})
    for survived in range(20):
        folder = tmp_path / str(survived)
        site_at(folder).write(first, NOW)
        left = survived

        def killed(path: Path, content: bytes, mode: int) -> None:
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            replace_file(path, content, mode)

        monkeypatch.setattr(module, "replace_file", killed)
        with contextlib.suppress(Killed):
            site_at(folder).write(second, NOW)
        monkeypatch.setattr(module, "replace_file", replace_file)
        site_at(folder).write(told({}), NOW)
        shown = every(folder)
        pages = [name for name, text in shown.items() if " at https" in text]
        assert len(pages) >= 2
        assert [name for name in pages if not shown[name].startswith("closed ")] == []
        if left:
            break
    else:
        pytest.fail("it writes without end")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """And what it could be is read again."""
    site = site_at(tmp_path / "a" / "b")
    with pytest.raises(DeliveryFault, match="see that the folder above it is there"):
        site.write(told({CHECKOUT: OPEN}), NOW)
    (tmp_path / "a").mkdir()
    assert site.write(told({CHECKOUT: OPEN}), NOW).changed == 1
