"""Numbers about learning and forgetting, and how sure they are."""
