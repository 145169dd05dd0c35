"""
The conformance suite (L{txsockjs.conformance}), made of our own server by trial.
"""
