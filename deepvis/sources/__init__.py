"""Where images come from: folders, lists, pairs, arrays, LMDBs and videos."""

from deepvis.sources.images import UNKNOWN, Images, ImageSource, SomeImages
from deepvis.sources.opening import open_images

__all__ = ["UNKNOWN", "ImageSource", "Images", "SomeImages", "open_images"]
