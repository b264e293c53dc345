"""MCP servers that run on the client's side and that inferlets can call: start, JSON-RPC, restart."""
