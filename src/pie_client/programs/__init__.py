"""Programs: manifests, installation, Python functions as programs, and registries."""
