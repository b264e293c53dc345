"""A WebSocket connection: transport, tasks, deadlines, flow control and uploads."""
