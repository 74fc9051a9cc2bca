"""Work that takes long: a `flawsmith` command in a process of its own, its state in files, so that it outlives the page and the server."""
