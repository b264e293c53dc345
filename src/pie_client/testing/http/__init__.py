"""HTTP of the embedded engine: requests before a WebSocket is open, and daemons."""
