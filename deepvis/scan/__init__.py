"""One pass over pictures: the images that drive every unit most, the means table, statistics, in one ``scan.h5``.

The names that ``__init__.pyi`` lists are this package's interface; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
