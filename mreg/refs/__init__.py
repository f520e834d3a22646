"""The truth about names: ref files, the journal, the view that readers have, and the commit."""
