"""Why a start is refused."""


class StartError(Exception):
    """The daemon cannot start; the text says why and what to do."""
