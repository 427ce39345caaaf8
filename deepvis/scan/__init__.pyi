from .joining import merge_scans as merge_scans
from .reader import Scan as Scan
from .run import Summary as Summary
from .run import scan as scan
