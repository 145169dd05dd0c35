"""Sphinx: ``make docs``."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from addresses import projectURLs, settings

project = "txsockjs"
copyright = "the txsockjs developers"
version = release = installed("txsockjs")
extensions = [
    "drawings",
    "project_files",
    "reference",
    "tables",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.zopeext.autointerface",
    "sphinxext.opengraph",
]
exclude_patterns = ["_build"]
nitpick_ignore: list[tuple[str, str]] = []

# What a docstring names in single backquotes is Python's.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {
    "AnyClientEndpoint": "~txsockjs.factories.AnyClientEndpoint",
    "Clock": "~txsockjs.clock.Clock",
    "ProtocolSource": "~txsockjs.factories.ProtocolSource",
}
autodoc_default_options = {"show-inheritance": True}
add_module_names = False
python_maximum_signature_line_length = 120

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

pygments_dark_style = "github-dark"

html_theme = "furo"
html_title = "txsockjs"
html_favicon = "_static/icon.svg"
html_logo = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b6e5e",
        "color-brand-content": "#0b6e5e",
    },
    "dark_css_variables": {
        "color-brand-primary": "#4fd1b5",
        "color-brand-content": "#4fd1b5",
    },
}

ogp_description_length = 200
ogp_enable_meta_description = True
ogp_social_cards = {"enable": False}

_addresses = settings(projectURLs())
html_theme_options |= _addresses.pop("html_theme_options")
globals().update(_addresses)
