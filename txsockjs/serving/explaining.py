"""What is wrong with an endpoint, in words: `explained`, `whyNot`."""

from __future__ import annotations

import re
import sys
from types import TracebackType
from typing import Any, Final

from twisted.internet.error import CannotListenError, VerifyError
from twisted.python.reflect import namedModule

_UNEXPECTED: Final = re.compile(r"(?:_parse(\w+))?\(\) got an unexpected .* ('\w+')$")
_FILE: Final = re.compile(r"\b(privateKey|certKey|extraCertChain)=((?:\\.|[^:\\])*)")


def explained(error: Exception, description: str) -> str | None:
    """
    What an error says that is for programmers, for who wrote an endpoint string.

    :param error: what the string's parser has raised.
    :return: it in words, or None if its own will do.
    """
    if isinstance(error, TypeError):
        found = _UNEXPECTED.search(str(error))
        if found is None:
            return None
        kind = (found[1] or description.partition(":")[0]).lower()
        return f"{kind}: has no argument {found[2]}"
    if isinstance(error, VerifyError) or type(error).__module__.startswith("OpenSSL"):
        return _aboutFiles(error, description)
    return None


def _aboutFiles(error: Exception, description: str) -> str:
    files: dict[str, str] = {
        name: re.sub(r"\\(.)", r"\1", to) for name, to in _FILE.findall(description)
    }
    if "ssl:" in description:
        key = files.setdefault("privateKey", "server.pem")
        files.setdefault("certKey", key)
    names = " and ".join(dict.fromkeys(files.values())) or "its files"
    if isinstance(error, VerifyError):
        return f"{names}: the private key is not that of the certificate"
    # It is here, since it has raised.
    ssl: Any = namedModule("twisted.internet.ssl")
    for name, what, load in (
        ("certKey", "certificate", ssl.Certificate.loadPEM),
        ("privateKey", "private key", lambda data: ssl.KeyPair.load(data, 1)),
    ):
        try:
            with open(files[name], "rb") as file:
                data = file.read()
            # A pass phrase is asked for at the terminal, and was already.
            if b"ENCRYPTED" not in data:
                load(data)
        except KeyError:
            break
        except Exception:
            return f"{files[name]}: there is no {what} in PEM in it that can be read"
    return f"{names}: no private key and certificate in PEM can be read from there"


def whyNot(error: Exception, description: str) -> str | None:
    """
    Why an endpoint cannot listen, where the one who runs this can do something about
    it.

    :return: it in words, or None if it is a fault of a program.
    """
    if isinstance(error, CannotListenError):
        problem: Any = error.socketError
        return getattr(problem, "strerror", None) or str(problem)
    if isinstance(error, (OSError, OverflowError, ValueError)):
        return str(error)
    return explained(error, description)


def endWithoutTrace(error: Exception, line: str) -> None:
    """
    Have an exception that ends the process, as what a service raises when it starts
    does, end it with one line, or none, in place of a traceback. ``twistd`` would leave
    a pidfile behind at a ``SystemExit``.

    :param error: that very exception; all others stay as they are.
    :param line: what to write, or nothing if that is empty.
    """
    before = sys.excepthook

    def told(
        kind: type[BaseException], value: BaseException, trace: TracebackType | None
    ) -> None:
        if value is not error:
            before(kind, value, trace)
        elif line:
            # ``twistd`` has its log in place of the other one.
            print(line, file=sys.__stderr__, flush=True)

    sys.excepthook = told
