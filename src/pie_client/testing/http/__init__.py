"""HTTP of the embedded engine: the WebSocket handshake, and the server of daemons."""
