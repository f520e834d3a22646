"""Keeps a repository well: garbage collection, repacking, retention, checks and repairs."""
