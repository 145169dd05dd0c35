"""Each public name says what it is for, in the reference and to ``help()``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementedBy
from zope.interface.interface import InterfaceClass

from tests.support.documents import ROOT

SHOWN = re.compile(r"(?m)^\.\. automodule:: ([\w.]+)\n    :members:$")


def modules() -> list[ModuleType]:
    """
    Those all of whose names the reference shows.
    """
    return [
        import_module(name)
        for path in sorted((ROOT / "docs" / "api").glob("*.rst"))
        for name in SHOWN.findall(path.read_text("utf-8"))
    ]


def names(module: ModuleType) -> list[str]:
    """
    What a module has for everybody.
    """
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
    ]


def told(cls: type, name: str) -> bool:
    """
    Whether a method or property says what it is for: here, where it is inherited from,
    or in an interface.
    """
    if inspect.getdoc(inspect.getattr_static(cls, name)):
        return True
    return bool(inspect.getdoc(getattr(cls, name))) or any(
        name in interface and interface[name].__doc__
        for interface in implementedBy(cls)
    )


def silent(name: str, value: Any) -> Iterator[str]:
    """
    What of a public name, or under it, has no docstring.
    """
    if isinstance(value, InterfaceClass):
        yield from (f"{name}.{each}" for each in value if not value[each].__doc__)
        documented = value.__doc__
    elif isinstance(value, type):
        for each, member in list(vars(value).items()):
            callables = (classmethod, staticmethod, property)
            if each.startswith("_") or not (
                inspect.isroutine(member) or isinstance(member, callables)
            ):
                continue
            if not told(value, each):
                yield f"{name}.{each}"
        # What it is derived from says what that is for.
        documented = value.__dict__.get("__doc__")
    elif inspect.isroutine(value):
        documented = value.__doc__
    else:
        return
    if not documented:
        yield name


class DocstringTests(SynchronousTestCase):
    """
    The names in the reference.
    """

    def test_names(self) -> None:
        """
        Each public class, interface, function, method and property has a docstring.
        """
        found = modules()
        self.assertGreaterEqual(len(found), 20)
        missing = [
            each
            for module in found
            for name in names(module)
            for each in silent(f"{module.__name__}.{name}", getattr(module, name))
        ]
        self.assertEqual(missing, [])

    def test_attrs(self) -> None:
        """
        The docstring of a value tells of each of its public fields.
        """
        untold = []
        for module in modules():
            for name in names(module):
                value = getattr(module, name)
                if not isinstance(value, type):
                    continue
                for field in getattr(value, "__attrs_attrs__", ()):
                    text = f"{value.__doc__}{inspect.getsource(value)}"
                    # The reference has the help of options.
                    documented = field.metadata.get("help") or re.search(
                        rf"(?m):ivar {field.name}:|^ +#: .*\n +{field.name}\b", text
                    )
                    if not field.name.startswith("_") and not documented:
                        untold.append(f"{module.__name__}.{name}.{field.name}")
        self.assertEqual(untold, [])
