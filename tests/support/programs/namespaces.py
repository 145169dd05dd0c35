"""A network of two hosts, made of namespaces: `connectedNamespaces`. Needs root."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue

from tests.support.missing import missing
from tests.support.programs.node import need

#: The addresses of the two. They exist inside the namespaces alone (RFC 5737).
NEAR, FAR = "192.0.2.1", "192.0.2.2"

LINK = "veth0"


async def ip(*arguments: str) -> None:
    """
    Call Debian's ``ip``.

    :raise OSError: if it refuses.
    """
    _, err, status = await getProcessOutputAndValue(
        "ip", arguments, env=os.environ, reactor=reactor
    )
    if status:
        raise OSError(err.decode())


async def connectedNamespaces(test: Any) -> tuple[str, str]:
    """
    Make two hosts with a cable between them; they go when the test ends.

    :return: the namespaces of `NEAR` and of `FAR`.
    :raise SkipTest: where that is not allowed.
    :raise FailTest: the same where the environment has ``CI``.
    """
    need("ip")
    names = (f"txsockjs-{os.getpid()}-near", f"txsockjs-{os.getpid()}-far")
    near, far = names
    try:
        for name in names:
            await ip("netns", "add", name)
            test.addCleanup(ip, "netns", "del", name)
    except OSError as error:
        problem = f"no network namespace can be made, which needs root: {error}"
        raise missing(problem) from error
    peer = ("type", "veth", "peer", "name", LINK)
    await ip("link", "add", LINK, "netns", near, *peer, "netns", far)
    for name, address in zip(names, (NEAR, FAR), strict=True):
        await ip("-n", name, "addr", "add", f"{address}/24", "dev", LINK)
        await ip("-n", name, "link", "set", LINK, "up")
    return near, far


async def cut(namespace: str) -> None:
    """
    Cut the cable: whatever is sent from now on is lost, and nobody is told.

    :param namespace: the one at whose end.
    """
    await ip("-n", namespace, "link", "set", LINK, "down")
