"""MCP servers that a client lends to inferlets: how they are run, spoken to and restarted."""
