"""Generate the client's code and the protocol reference from a schema folder."""
