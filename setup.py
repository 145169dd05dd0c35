"""What pyproject.toml cannot say: Twisted's plugin files are no package of ours.

``twisted/plugins`` has no ``__init__.py``, so it is named here by hand.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["txsockjs", "txsockjs.*"]), "twisted.plugins"],
    package_data={"txsockjs": ["py.typed", "demo/*"]},
    zip_safe=False,
)
