"""What inferlets see of the embedded engine: their session, and MCP servers of clients."""
