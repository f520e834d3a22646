"""Files into a repository: finding them, cutting them, storing what is new."""
