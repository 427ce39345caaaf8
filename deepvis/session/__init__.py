"""What the window looks at, opened from settings, links, scans and bookmarks."""
