"""The kill test: the daemon is killed by SIGKILL again and again, and what is lost is counted.

Forty teams, a Meetings server in a process of its own that answers in 50 ms, four calls at once.
A round asks for something (rooms, another lifetime, other names, another setting), kills the daemon
at chosen moments while it works, then lets it finish and asks the oracle. Meanwhile somebody pages:
pages are opened, told again and closed all the while. It goes on until every state that an act goes
through was hit often enough.
"""

import argparse
import asyncio
import contextlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.system.torture_oracle import (
    Death,
    Snapshot,
    State,
    acts_are_told,
    audit_is_whole,
    born_once,
    calls_are_journalled,
    foreign_are_untouched,
    glance,
    is_of_team,
    is_settled,
    lacking,
    of_teams,
    one_link_a_generation,
    own_mistakes,
    rooms_are_right,
    second_pass_lists_only,
    snapshot,
)
from tests.system.torture_pages import TEXT, Pager, are_settled, pages_are_right
from tests.system.torture_stage import LATENCY, Request, Stage, Wish, staged
from tests.system.torture_tap import Moment

# What the rounds of one installation ask for, one after the other. The lifetime only grows, because
# a shorter one has its grace. A name comes back, so that rooms that were under way are needless.
WISHES: Final = (
    Wish(),
    Wish(days=250),
    Wish(days=250, name="{{ team.name }} room, renamed"),
    Wish(days=250, microphone="on"),
    Wish(days=300, microphone="off"),
    Wish(days=300, name="Room of {{ team.name }}"),
)
_LEAST: Final = 5  # hits of every state
_LONGEST_LIFE: Final = 8.0  # seconds until the moment of a kill must have come
_PATIENCE: Final = 180.0  # seconds in which a daemon that is left alone must have done its work
_QUIET: Final = 0.5  # seconds without a request
_ORDERLY: Final = 15.0  # seconds in which SIGTERM must have ended it


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how hard.

    Attributes:
        rounds: at least so many.
        least: every state is hit at least so often by kills during a create.
        kills: in one round, at most.
        deaths: in all, at least.
        wishes: what the rounds of one installation ask for.
        hurry: the share of the rounds that are not finished before the next.
        hostile: the server lies and drops until a round is finished.
        limit: seconds after which no further kill is begun.
    """

    rounds: int = 4
    least: int = _LEAST
    kills: int = 10
    deaths: int = 200
    limit: float = 1200.0
    seed: int = 0
    wishes: Sequence[Wish] = WISHES
    hurry: float = 0.75
    hostile: bool = True
    verbose: bool = False


@dataclass(slots=True)
class Tally:
    """What was counted."""

    kills: int = 0
    idle: int = 0  # kills of a daemon that had nothing under way
    rounds: int = 0
    installations: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    hits: Counter[State] = field(default_factory=Counter)  # kills that hit it during a create
    acts: Counter[tuple[State, bool]] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    evidence: Path | None = None

    def is_enough(self, options: Options) -> bool:
        """Whether nothing is left to be hit."""
        hit = all(self.hits[state] >= options.least for state in State)
        enough = self.rounds >= options.rounds and self.kills >= options.deaths
        return hit and enough

    def count(self, death: Death, wish: Wish) -> None:
        """Count one kill."""
        hits = death.hits(wish)
        self.kills += 1
        self.idle += not hits
        self.hits.update({hit.state for hit in hits if hit.creates})
        self.acts.update((hit.state, hit.creates) for hit in hits)


Told = Callable[[Tally, str], None]


@dataclass(slots=True)
class Torturer:
    """Kills one installation's daemon, and asks the oracle."""

    stage: Stage
    options: Options
    tally: Tally
    told: Told
    chance: random.Random
    over: Callable[[], bool]
    pager: Pager
    requests: list[Request] = field(default_factory=list)
    struck: bool = True  # the last life ended at its chosen moment

    async def round(self, wish: Wish, *, hurried: bool) -> None:
        """Ask for something, kill while it is done, and let it be finished, unless hurried."""
        if self.options.hostile:
            await self.stage.rage()
        # Sometimes the daemon is there when the policy changes, sometimes it finds it changed.
        late = self.stage.lives > 0 and self.chance.random() < 0.5
        if not late:
            self.stage.ask_for(wish)
        async with self.pager.paging():
            for _ in range(self.chance.randint(2, 6) if hurried else self.options.kills):
                after = await self._life(wish, late=late)
                late = False
                # Where the moment did not come, all that is left to do waits for its next try.
                rests = is_settled(of_teams(after), wish) or not self.struck
                if self.tally.violations or self.over() or rests:
                    break
        if not self.tally.violations and (not hurried or self.over()):
            await self._finish(wish)
            self.tally.rounds += 1

    async def _life(self, wish: Wish, *, late: bool) -> Snapshot:
        """One life that ends by SIGKILL; it is asked only after its listing if that is late."""
        stage, tally, began = self.stage, self.tally, time.monotonic()
        before = snapshot(stage.store, stage.audit)
        await stage.forget_requests()
        moment = self._moment(lacking(before, wish))
        with stage.daemon() as process:
            struck = stage.tap.arm(moment, process.pid)
            self.struck = True
            if late:
                await self._ask_late(struck, wish)
            try:
                await asyncio.wait_for(struck.wait(), _LONGEST_LIFE)
            except TimeoutError:
                # What is left to do did not bring the moment about: kill it as it is.
                if stage.tap.disarm():
                    self.struck = False
                    if process.poll() is not None:
                        self._violated(f"the daemon ended by itself with {process.returncode}")
                    process.kill()
                    await asyncio.to_thread(stage.tap.mark)
                else:
                    await struck.wait()
            await asyncio.to_thread(process.wait)
        requests, killed = await stage.requests()
        assert killed is not None
        self.requests += requests
        after = snapshot(stage.store, stage.audit)
        death = Death(before.last_seq, requests, killed, after)
        tally.count(death, wish)
        stage.look()
        for violation in death.unlawful(hostile=self.options.hostile):
            self._violated(violation)
        hits = Counter(str(hit.state) for hit in death.hits(wish))
        caught = ", ".join(f"{count} {state}" for state, count in hits.items())
        seconds = time.monotonic() - began
        self.told(tally, f"{seconds:.1f} s, {moment}: {caught or 'nothing under way'}")
        return after

    async def _ask_late(self, struck: asyncio.Event, wish: Wish) -> None:
        end = time.monotonic() + _LONGEST_LIFE
        while not struck.is_set() and time.monotonic() < end:
            if (await self.stage.requests())[0]:
                break
            await asyncio.sleep(0.02)
        self.stage.ask_for(wish)

    def _moment(self, left: int) -> Moment:
        """A moment that is likely to hit what was hit least."""
        chance, hits = self.chance, self.tally.hits
        state = chance.choice(list(State))
        if chance.random() < 0.7:
            state = min(State, key=lambda one: (hits[one], chance.random()))
        nth = min(1 + int(chance.expovariate(0.4)), 10, max(left, 1))
        changes = frozenset({"POST", "PATCH", "DELETE"})
        match state:
            case State.WANTED:
                nth, listings = chance.randint(1, 2), frozenset({"GET"})
                return Moment(listings, of_answers=True, nth=nth, delay=chance.uniform(0, 0.03))
            case State.UNDER_WAY:
                delay = chance.uniform(0, LATENCY)
                return Moment(changes, of_answers=False, nth=nth, delay=delay)
            case State.ANSWERED:
                delay = chance.uniform(0, 0.001)
            case State.JOURNALLED:
                # More keys are worked on than calls may be under way: the others wait with theirs.
                nth, delay = chance.randint(1, 4), chance.uniform(0, LATENCY)
                return Moment(changes, of_answers=False, nth=min(nth, max(left, 1)), delay=delay)
            case State.UNANSWERED:
                # Soon after an unanswered one: then it is looked up, or waits for that.
                return Moment(changes, of_answers=False, nth=nth, delay=chance.uniform(0.2, 1.5))
            case State.RECORDED:
                delay = chance.uniform(0.0005, 0.008)
            case _:
                assert_never(state)
        return Moment(changes, of_answers=True, nth=nth, delay=delay)

    async def _finish(self, wish: Wish) -> None:
        """Let the daemon do its work, end it in order, ask the oracle; then see it do nothing."""
        stage = self.stage
        await stage.calm()
        await stage.forget_requests()
        with stage.daemon() as process:
            began = time.monotonic()
            if not await self._takes_pages(process) or not await self._comes_to_rest(process, wish):
                return
            self.told(self.tally, f"at rest after {time.monotonic() - began:.1f} s")
            await self._end(process)
        requests, _ = await stage.requests()
        self.requests += requests
        seen = snapshot(stage.store, stage.audit)
        stage.look()
        faults = await stage.faults()
        lies = {
            "untaken": faults["patch room", "told as done, not done"],
            "told_as_old": faults["patch room", "done, told as old"],
        }
        whole = await stage.table()
        table = [row for row in whole if row["id"] not in stage.foreign]
        for violation in (
            *Death(0, requests, 0, seen).unlawful(hostile=False),
            *rooms_are_right(
                [row for row in table if is_of_team(row)],
                of_teams(seen),
                stage.folder / "rooms.json",
                wish,
                **lies,
            ),
            *pages_are_right(table, seen, self.pager),
            *(() if self.options.hostile else born_once(table)),
            *one_link_a_generation(table, seen, stage.shown),
            *foreign_are_untouched(whole, stage.foreign, self.requests),
            *calls_are_journalled(self.requests, seen),
            *acts_are_told(seen),
            *audit_is_whole(seen, stage.config),
            *await self._second_pass(),
            *own_mistakes(stage.logs),
        ):
            self._violated(violation)

    async def _takes_pages(self, process: subprocess.Popen[bytes]) -> bool:
        try:
            await asyncio.wait_for(self.pager.settle(), _PATIENCE)
        except TimeoutError:
            ended = process.poll()
            how = "lives" if ended is None else f"ended by itself with {ended}"
            self._violated(f"no page was taken for {_PATIENCE:.0f} s; the daemon {how}")
            return False
        return True

    async def _comes_to_rest(self, process: subprocess.Popen[bytes], wish: Wish) -> bool:
        end = time.monotonic() + _PATIENCE
        seen, asked = None, -1
        while time.monotonic() < end and process.poll() is None:
            seen = glance(self.stage.store, self.stage.audit)
            before, asked = asked, len((await self.stage.requests())[0])
            settled = is_settled(seen, wish) and are_settled(seen, self.pager)
            if settled and asked == before > 0:
                return True
            await asyncio.sleep(_QUIET)
        if process.poll() is not None:
            self._violated(f"the daemon ended by itself with {process.returncode}")
        elif seen is not None:
            self._violated(f"after {_PATIENCE:.0f} s {lacking(seen, wish)} keys lack something")
        return False

    async def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            status = await asyncio.to_thread(process.wait, _ORDERLY)
        except subprocess.TimeoutExpired:
            self._violated(f"SIGTERM did not end the daemon within {_ORDERLY:.0f} s")
        else:
            if status != 0:
                self._violated(f"after SIGTERM the daemon ended with {status}, not 0")

    async def _second_pass(self) -> list[str]:
        stage = self.stage
        await stage.forget_requests()
        end = time.monotonic() + _PATIENCE
        with stage.daemon() as process:
            before, asked = -1, 0
            while (asked == 0 or asked != before) and time.monotonic() < end:
                await asyncio.sleep(_QUIET)
                before, asked = asked, len((await stage.requests())[0])
            await self._end(process)
        requests, _ = await stage.requests()
        return second_pass_lists_only(requests)

    def _violated(self, violation: str) -> None:
        self.tally.violations.append(f"round {self.tally.rounds + 1}: {violation}")


async def torture(options: Options, told: Told) -> Tally:
    """Kill and count until it is enough, the time is over, or a promise is broken.

    Ended from outside, it leaves no process behind.
    """
    tally, chance, began = Tally(), random.Random(options.seed), time.monotonic()

    def over() -> bool:
        tally.seconds = time.monotonic() - began
        return tally.seconds > options.limit

    while not (tally.violations or tally.is_enough(options) or over()):
        folder = Path(tempfile.mkdtemp(prefix="torture-"))
        try:
            tally.installations += 1
            seed = options.seed + tally.installations
            async with staged(folder, options.wishes[0], seed) as stage:
                pager = Pager(f"{stage.daemon_url}/in/own", random.Random(seed))
                stage.take_pages(TEXT, pager.token)
                torturer = Torturer(stage, options, tally, told, chance, over, pager)
                for wish in options.wishes:
                    # Now and then people change their minds before the daemon is done.
                    last = wish is options.wishes[-1]
                    hurried = not last and chance.random() < options.hurry
                    await torturer.round(wish, hurried=hurried)
                    told(tally, "hurried" if hurried else "round done")
                    done = not hurried and tally.is_enough(options)
                    if tally.violations or done or over():
                        break
                tally.calls.update(request.method for request in torturer.requests)
                tally.faults.update(await stage.faults())
                tally.pages.update(pager.counts)
        finally:
            if tally.violations:
                tally.evidence = folder
            else:
                shutil.rmtree(folder, ignore_errors=True)
    over()
    return tally


# --- the program --------------------------------------------------------------------------------


def table(tally: Tally, options: Options) -> Table:
    """What was hit, for a terminal."""
    shown = Table(title="Where the kills hit", title_justify="left", caption_justify="left")
    shown.add_column("state of an act")
    shown.add_column("kills (POST)", justify="right")
    shown.add_column("POSTs caught", justify="right")
    shown.add_column("PATCHes, DELETEs caught", justify="right")
    for state in State:
        hits = tally.hits[state]
        shown.add_row(
            str(state),
            f"{hits}" if hits >= options.least else f"[red]{hits} of {options.least}",
            str(tally.acts[state, True]),
            str(tally.acts[state, False]),
        )
    calls = ", ".join(f"{count} {method}" for method, count in sorted(tally.calls.items()))
    pages = ", ".join(f"{count} {what}" for what, count in tally.pages.most_common())
    shown.caption = (
        f"{tally.kills} kills ({tally.idle} with nothing under way), {tally.rounds} rounds on "
        f"{tally.installations} installations of 40 teams, {tally.seconds:.0f} s; {calls}; "
        f"pages {pages}"
    )
    return shown


@contextlib.contextmanager
def progress(console: Console, options: Options) -> Iterator[Told]:
    """A bar on a terminal, a line a round elsewhere."""
    if options.verbose or not console.is_terminal:

        def line(tally: Tally, what: str) -> None:
            if what == "round done":
                hits = ", ".join(f"{state} {tally.hits[state]}" for state in State)
                console.print(f"round {tally.rounds}: {tally.kills} kills; {hits}", soft_wrap=True)
            elif options.verbose:
                console.print(f"  {what}", soft_wrap=True)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        wanted = options.least * len(State)
        bar = bars.add_task("starting", total=wanted + options.rounds)

        def move(tally: Tally, what: str) -> None:
            hits = sum(min(tally.hits[state], options.least) for state in State)
            bars.update(
                bar,
                completed=hits + min(tally.rounds, options.rounds),
                description=f"round {tally.rounds + 1}, {tally.kills} kills",
            )

        yield move


def fault_table(tally: Tally) -> Table:
    """What the server did, by fault and route, for a terminal."""
    shown = Table(title="What the server did to whom", title_justify="left")
    routes = sorted({route for route, _ in tally.faults})
    shown.add_column("fault")
    for route in (*routes, "in all"):
        shown.add_column(route, justify="right")
    for fault in sorted({fault for _, fault in tally.faults}):
        counts = [tally.faults[route, fault] for route in routes]
        shown.add_row(fault, *(str(count or "") for count in counts), str(sum(counts)))
    return shown


def _arguments(arguments: Sequence[str] | None) -> Options:
    usual = Options()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="at least (%(default)s)")
    parser.add_argument(
        "--hits", type=int, default=usual.least, help="of each state, at least (%(default)s)"
    )
    parser.add_argument("--kills", type=int, default=usual.kills, help="a round (%(default)s)")
    parser.add_argument(
        "--deaths", type=int, default=usual.deaths, help="kills in all, at least (%(default)s)"
    )
    parser.add_argument("--honest", action="store_true", help="a server that does not lie")
    parser.add_argument(
        "--limit", type=float, default=usual.limit, help="seconds in all (%(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=None, help="of the moments; without it, another every time"
    )
    parser.add_argument("--verbose", action="store_true", help="a line for each kill")
    told = parser.parse_args(arguments)
    seed = random.randrange(1_000_000) if told.seed is None else told.seed
    return Options(
        rounds=told.rounds,
        least=told.hits,
        kills=told.kills,
        deaths=told.deaths,
        limit=told.limit,
        seed=seed,
        hostile=not told.honest,
        verbose=told.verbose,
    )


async def _run(options: Options, told: Told) -> Tally:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    # The limit ends the killing; whatever hangs beyond it is ended all the same.
    async with asyncio.timeout(options.limit + 2 * _PATIENCE):
        return await torture(options, told)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 if every state was hit and every promise held."""
    options = _arguments(arguments)
    console = Console()
    console.print(f"seed {options.seed}")
    try:
        with progress(console, options) as told:
            tally = asyncio.run(_run(options, told))
    except asyncio.CancelledError:
        console.print("ended from outside; no process is left")
        return 130
    console.print(table(tally, options))
    if options.hostile:
        console.print(fault_table(tally))
    for violation in tally.violations:
        console.print(f"[red]broken[/red]: {violation}", highlight=False, soft_wrap=True)
    if tally.evidence is not None:
        console.print(f"what is left of it: {tally.evidence}", soft_wrap=True)
    if not tally.violations and not tally.is_enough(options):
        console.print("[red]not every state was hit often enough in the time given")
    return 0 if not tally.violations and tally.is_enough(options) else 1


if __name__ == "__main__":
    sys.exit(main())
