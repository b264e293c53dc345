"""What holds for every server of the 0.5 family, run on the embedded engine and on a real pie-server."""
