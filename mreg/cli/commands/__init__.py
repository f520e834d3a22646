"""The commands, one module a subject. `mreg.cli.registry` says which is where."""
