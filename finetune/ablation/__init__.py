"""Which filters a net can do without: accuracy against the share of filters that are silenced, by many measures."""
