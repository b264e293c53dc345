"""The command ``python -m pie_client.testing``."""
