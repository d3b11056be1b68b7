"""What a fleet leaves behind: files as they arrive, a run a kind of machine, and a page."""
