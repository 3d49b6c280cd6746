"""Starting the whole firm on a bare machine. Standard library only, and no settings: this makes what settings read."""
