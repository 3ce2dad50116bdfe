"""Pages for a browser: one HTML file each, with everything in it, that needs no network and no server."""
