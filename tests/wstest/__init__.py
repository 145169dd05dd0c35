"""The Autobahn test suite, run against the raw WebSocket of a service.

C{python -m tests.wstest} runs all of it, by PyPI's C{kosoku}; L{test_wstest}
runs a short set as a test.
"""
