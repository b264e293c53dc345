"""The protocol without I/O: frames to models, replies to pending calls, events to mailboxes."""
