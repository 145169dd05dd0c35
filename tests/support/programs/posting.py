"""
Makes a POST and prints the status of the answer and its body, from wherever it runs,
such as a network namespace.

``python -m tests.support.programs.posting URL [BODY]``
"""

from __future__ import annotations

import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def main(url: str, body: str = "") -> None:
    """
    Make the request.
    """
    try:
        response = urlopen(Request(url, body.encode(), method="POST"), timeout=20)
    except HTTPError as error:
        response = error
    print(response.status, response.read().decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
