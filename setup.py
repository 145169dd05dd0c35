"""What pyproject.toml cannot say: Twisted's plugin files are no package of ours.

``twisted/plugins`` has no ``__init__.py``, so it is named here by hand; and Twisted
looks for plugins along ``sys.path``, so an editable install must put this directory
there, which setuptools does only where ``package_dir`` names it.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["txsockjs", "txsockjs.*"]), "twisted.plugins"],
    package_dir={"": "."},
    package_data={
        "txsockjs": [
            "py.typed",
            "demo/*",
            "rooms/browser/*",
            "browser/*",
            "status/pages/*",
        ]
    },
    zip_safe=False,
)
