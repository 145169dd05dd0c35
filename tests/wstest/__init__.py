"""The Autobahn test suite, run against the raw WebSocket of a service.

``python -m tests.wstest`` runs all of it, by PyPI's ``kosoku``; `test_wstest`
runs a short set as a test.
"""
