"""What pyproject.toml cannot say: Twisted's plugin files are no package of ours.

``twisted/plugins`` has no ``__init__.py``, so it is named here by hand; and Twisted
looks for plugins along ``sys.path``, so an editable install must put this directory
there, which setuptools does only where ``package_dir`` names it.

``README.rst`` links to files beside it. Where it is read without them, as on a package
index, they are where ``Source`` of ``[project.urls]`` says, if it says anything.
"""

import re
import tomllib
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def readme() -> str:
    """README.rst, with links that lead somewhere from anywhere."""
    text = (HERE / "README.rst").read_text("utf-8")
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    source = project.get("urls", {}).get("Source")
    if source is None:
        return text
    files = f"{source.rstrip('/')}/blob/v{project['version']}/"
    return re.sub(r"<(?![a-z]+:)([\w./#-]+)>`_", rf"<{files}\1>`_", text)


setup(
    long_description=readme(),
    long_description_content_type="text/x-rst",
    packages=[*find_packages(include=["txsockjs", "txsockjs.*"]), "twisted.plugins"],
    package_dir={"": "."},
    package_data={
        "txsockjs": [
            "py.typed",
            "demo/pages/*",
            "rooms/browser/*",
            "browser/*",
            "status/pages/*",
        ]
    },
    zip_safe=False,
)
