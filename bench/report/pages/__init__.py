"""How sections are written: as Markdown and as HTML."""
