"""A net as a table and as a drawing of its graph."""
