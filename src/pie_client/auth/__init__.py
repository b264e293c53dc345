"""Authentication: identifying a session, private keys, and the keys of an ssh-agent.

``login`` identifies the user; ``server_info`` is what the reply tells of the server. ``keys`` has the keys that sign:
``key_files`` finds them in the content of a file, ``pkcs8`` decrypts them. ``agent`` signs with keys in an ssh-agent.
"""
