"""The inferlet's side of the engine: its session, its inbox, and the MCP servers of its client."""
