"""The embedded engine: a server on a loopback port, its programs and its processes."""
