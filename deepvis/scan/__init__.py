"""One pass over pictures: the images that drive every unit most, the means table, statistics, in one ``scan.h5``."""
