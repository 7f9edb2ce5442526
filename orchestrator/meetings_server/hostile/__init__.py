"""A seeded layer of faults around the server: one request in, one answer or one silence out.

How to use it::

    hostility = Hostility(random.Random(seed), clock)  # the default profile
    async with Memory.opened(settings, clock, hostility=hostility) as memory:
        ...  # `memory.send` answers, or raises `Silence`, an OSError
        hostility.calm()  # from now on honest; calls that are to be carried out late still are
        await hostility.carry_out(everything=True)  # those at once
        print(hostility.hits)  # how often each fault hit, by (route, fault)
        hostility.rage()  # faults again

`start` and `serving` take the same object for a server on a socket, where a silence really closes
the connection and a body that is cut really is short. `hostility.profile` may be set at any time:
`DEFAULT.without(Fault.STALE)`, `DEFAULT.only(Fault.LOST)`, `Profile.always(Fault.LATE)`,
`DEFAULT.times(0.5)`.

The law of this package: all is decided by the one `random.Random` of the caller, in the order in
which requests come, so that a run in memory replays exactly; lasting faults and delays are by the
server's clock. At most one fault a request. Test routes and the pages behind links stay honest. It
never invents what nobody sent: no room, no change, no event. It refuses rates that are none.

Inside: layer → callbacks | calls | listings → answers | history → faults.
"""

from orchestrator.meetings_server.hostile.faults import DEFAULT, Fault, Profile, Route
from orchestrator.meetings_server.hostile.layer import Hostility

__all__ = ["DEFAULT", "Fault", "Hostility", "Profile", "Route"]
