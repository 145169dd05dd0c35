"""Sphinx: ``make docs``."""

from importlib.metadata import version as installed

project = "txsockjs"
copyright = "the txsockjs developers"
version = release = installed("txsockjs")
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "The SockJS server for Twisted"}
