"""Where the project is, as ``[project.urls]`` of ``pyproject.toml`` says.

That is the one place for it. ``Documentation`` is where the site is served, and
``Source`` where the repository is shown. Without them, the site has what needs no
address.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def projectURLs() -> dict[str, str]:
    """
    The addresses, by their names; empty while there are none.
    """
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    urls: dict[str, str] = tomllib.loads(text)["project"].get("urls", {})
    return urls


def settings(urls: Mapping[str, str]) -> dict[str, Any]:
    """
    What Sphinx is told of them.

    :param urls: the addresses, by their names.
    """
    theme: dict[str, Any] = {}
    found: dict[str, Any] = {"ogp_site_url": "", "html_theme_options": theme}
    if "Source" in urls:
        theme |= {
            "source_repository": urls["Source"].rstrip("/") + "/",
            "source_branch": "main",
            "source_directory": "docs/",
        }
    if "Documentation" in urls:
        site = urls["Documentation"].rstrip("/") + "/"
        # Who shows a card asks for it by a whole URL.
        found |= {
            "html_baseurl": site,
            "ogp_site_url": site,
            "ogp_image": f"{site}_static/card.png",
            "ogp_image_alt": "txsockjs: the SockJS server and client for Twisted",
        }
    return found
