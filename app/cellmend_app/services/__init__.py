"""One module per intention: the only place where document, work and library meet."""
