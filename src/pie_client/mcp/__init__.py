"""MCP servers that run on the client's side and that inferlets can call: start, JSON-RPC, restart.

``spec`` checks the arguments, ``relay`` starts servers, answers calls of inferlets and restarts servers. A server is reached by
``stdio`` or ``http``, each a ``link``. ``peer`` matches answers to requests, and ``messages`` splits JSON-RPC.
"""
