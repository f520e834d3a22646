"""The command line: parses, calls the public Python API once, prints once."""
