"""H and what else a scan's tables say of every filter: histograms, measures, tables."""
