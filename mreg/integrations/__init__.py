"""mreg in the words of other tools: uses only the facade, and nothing else of mreg uses it."""
