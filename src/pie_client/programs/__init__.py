"""Programs: manifests, installation, Python functions as programs, versions in registries."""
