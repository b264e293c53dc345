"""Authentication: identifying a session, private keys, and the keys of an ssh-agent."""
