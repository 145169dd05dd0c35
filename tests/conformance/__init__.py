"""
The conformance suite (`txsockjs.conformance`), made of our own server by trial.
"""
