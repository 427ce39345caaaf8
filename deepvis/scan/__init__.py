"""One pass over pictures: the images that drive every unit most, the means table, statistics, in one ``scan.h5``."""

from deepvis.scan.run import Summary, scan

__all__ = ["Summary", "scan"]
