"""The protocol without I/O: frames to models, replies to pending calls, events to mailboxes.

* ``session`` joins the parts: it takes received frames, and says what the connection has to do.
* Frames: ``codec`` decodes and encodes them, ``prefixes`` recognizes those that begin like an earlier one, ``requests`` checks
  what is sent, ``validation`` describes what is invalid.
* Calls: ``calls`` holds the requests without a reply.
* Processes: ``routes`` has one for each process, ``mailbox`` its unread events (``items``), ``waiters`` what a change wakes.
* Limits: ``shares`` is what a process may hold, ``backlog`` what happens above that.
* Files: ``files`` assembles them, ``saving`` saves them.
"""
