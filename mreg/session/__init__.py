"""One open repository: where it is, whose it is, its settings and its disposable tables."""
