"""Studies: a file says what is compared with what, and every run gets a folder."""
