"""Uploaded Python scripts, each run in a process of its own."""
