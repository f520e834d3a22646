"""Shell completion: what may stand at the cursor of a command line, told without the parser."""
