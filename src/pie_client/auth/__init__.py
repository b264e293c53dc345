"""Authentication: identifying a session, private keys, and keys of an ssh-agent."""
