"""How this installation makes and reads its links: from settings, with the secret taken in.

And how it writes them down as files, for those who serve them elsewhere.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from orchestrator.adapters.delivery.site import Pages, Site, Written
from orchestrator.app.keys import link_key
from orchestrator.app.refusing import StartError
from orchestrator.config import Settings
from orchestrator.config.destinations import CalendarDestination
from orchestrator.config.links import Access
from orchestrator.domain.links import NO_LINKS, LinkScheme
from orchestrator.domain.reports import LinksReport
from orchestrator.edges.http.links import Entrance
from orchestrator.edges.http.proxies import Proxy
from orchestrator.edges.http.saying import nowhere_alone, page_alone
from orchestrator.ports.deliveries import DeliveryFault
from orchestrator.ports.desk import DeskError

_LEAST: Final = 32  # characters
_MAKE: Final = "(umask 077; openssl rand -hex 32 > secrets/links.key)"


def read_entrance(settings: Settings) -> Entrance:
    """Whose links are followed by these settings; raises as `read_scheme`."""
    proxy = None
    if settings.links.access is Access.PROXY_AUTH:
        proxy = Proxy(settings.links.proxy.header, settings.links.proxy.trusted)
    return Entrance(read_scheme(settings), proxy)


def site(folder: Path) -> Site:
    """A folder of pages that say what our own would."""
    return Site(folder, Pages(page_alone, nowhere_alone()))


def export(report: LinksReport, folder: Path, now: datetime) -> Written:
    """Write all links as files.

    Raises:
        DeskError: the folder holds something else, or cannot be written.
    """
    try:
        return site(folder).write(report, now)
    except DeliveryFault as fault:
        raise DeskError(str(fault)) from fault


def calendars(settings: Settings) -> tuple[str, ...]:
    """The names of the destinations that are calendars."""
    return tuple(
        name
        for name, destination in settings.destinations.items()
        if isinstance(destination, CalendarDestination)
    )


def read_scheme(settings: Settings) -> LinkScheme:
    """How links are made by these settings; where there is no secret yet, one is made.

    Without a public address there are no links, and no secret is needed.

    Raises:
        StartError: the secret is too weak, or cannot be made; the text does not quote it.
        SecretFault: it is not where the config says that it is.
    """
    links, public_url = settings.links, settings.http.public_url
    if public_url is None:
        return NO_LINKS
    if links.secret is not None:
        where, secret = "links.secret", links.secret.read()
    else:
        where = str(links.made)
        try:
            secret = link_key(links.made)
        except OSError as error:
            message = (
                f"{links.made}, the secret that links are made with, cannot be had: "
                f"{error.strerror}. Make one with  {_MAKE}  and write  links: {{secret: "
                "{file: secrets/links.key}}  in config.yaml"
            )
            raise StartError(message) from error
    if len(secret.reveal()) < _LEAST:
        message = f"{where} has less than {_LEAST} characters; make one with:  openssl rand -hex 32"
        raise StartError(message)
    return LinkScheme(public_url, secret, tokened=links.access is Access.TOKEN)
