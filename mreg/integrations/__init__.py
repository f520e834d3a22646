"""mreg in the words of other tools. Imports only the facade; nobody imports it."""
