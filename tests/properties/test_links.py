"""Links: every key has one, which opens it and nothing else."""

from urllib.parse import quote, unquote

from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.domain.keys import Key
from orchestrator.domain.links import PATH, TOKEN_DIGITS, LinkScheme, Target
from orchestrator.foundation.secret import Secret
from tests.strategies import keys

URL = "https://rooms.example.com"
secrets = st.text(min_size=32, max_size=64).map(Secret)
schemes = st.builds(LinkScheme, st.just(URL), secrets, st.booleans())
tokened = st.builds(LinkScheme, st.just(URL), secrets, st.just(value=True))


def _path(link: str) -> str:
    assert link.isascii()
    assert link.startswith(URL + PATH)
    return link.removeprefix(URL + PATH)


@given(schemes, keys)
def test_the_link_of_a_key_leads_to_it(scheme: LinkScheme, key: Key) -> None:
    """Whatever stands in its subject, and however a browser spells the path."""
    path = _path(scheme.link_of(key.policy, key.subject))
    target = scheme.read(path)
    assert target is not None
    assert target.encoded == key.encoded
    assert scheme.read(quote(unquote(path), safe="/~")) == target


@given(tokened, keys, keys)
def test_the_token_of_another_key_never_opens(scheme: LinkScheme, one: Key, other: Key) -> None:
    """Who knows one link can make no other."""
    assume(one != other)
    token = _path(scheme.link_of(one.policy, one.subject))[-TOKEN_DIGITS:]
    assert scheme.read(f"{other.encoded}-{token}") is None
    assert scheme.read(f"{one.policy}-{token}") is None


@given(tokened, keys, st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16))
def test_no_guess_opens(scheme: LinkScheme, key: Key, guess: str) -> None:
    """One in 2**80 would."""
    assume(not scheme.link_of(key.policy, key.subject).endswith(guess))
    assert scheme.read(f"{key.encoded}-{guess}") is None


@given(schemes, st.text())
def test_whatever_is_asked_for_is_read_or_refused(scheme: LinkScheme, path: str) -> None:
    """Never an error; what is read is spelled as keys are."""
    target = scheme.read(path)
    if target is not None:
        assert not scheme.tokened
        assert target.encoded.isascii()


@given(schemes, keys)
def test_a_series_is_none_of_its_keys(scheme: LinkScheme, key: Key) -> None:
    """Both are read back as what they are."""
    assert scheme.read(_path(scheme.series_of(key.policy))) == Target(key.policy)
