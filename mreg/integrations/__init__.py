"""mreg in the words of other tools: uses the facade and `values/`, and nothing else of mreg uses it."""
