"""A WebSocket connection: transport, tasks, deadlines, flow control and uploads.

* The WebSocket: ``handshake``, ``websocket``, ``framing``, ``transport``; ``keep_alive``.
* Requests: ``connection`` sends them and waits for replies, ``deadline`` limits the time, ``callers``, ``logged`` and ``watched``
  show them to the log and to telemetry, ``raw`` sends any message, ``probe`` finds out whether a server knows a request.
* Contents: ``contents`` reads them, ``uploads`` sends them, ``disk`` writes received files.
* Flow control and tasks: ``flow``, ``background``, ``threads``, ``waiting``.
* After a loss: ``restorable`` replaces the WebSocket and repeats requests and uploads, ``reconnect`` and ``attempts`` decide
  when, ``state`` is what users see of it.
* ``options`` checks arguments. ``observing`` shows frames to applications, which ``taps`` passes on.
"""
