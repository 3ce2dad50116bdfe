"""Self-contained HTML pages that need neither a network nor a server."""
