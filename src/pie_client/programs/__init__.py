"""Programs: manifests, installation, Python functions as programs, versions in registries.

``manifest`` checks a Pie.toml, ``install`` uploads programs. ``functions`` makes programs of Python functions, with the
``imports`` that they need. ``registry`` finds versions, and ``download`` sends its HTTP request.
"""
