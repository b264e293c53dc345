"""Helpers that depend on the error classes only, for any room: paths, logs, copies, signals, arguments of commands."""
