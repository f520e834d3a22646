"""Files out of a repository: reading, writing a folder, ready-to-load copies."""
