"""Reports of studies: tables, figures and verdicts."""
