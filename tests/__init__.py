"""The tests. ``trial tests`` runs them all."""

from hypothesis import HealthCheck, settings

# How long it takes to make up input is the machine's affair.
settings.register_profile(
    "txsockjs", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("txsockjs")
