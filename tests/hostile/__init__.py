"""Hostile input: one regression test, or more, for each way that servers were hurt."""
