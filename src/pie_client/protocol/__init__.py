"""The protocol without I/O: frames to models and back, replies to requests, events to mailboxes."""
