from .images import UNKNOWN as UNKNOWN
from .images import Images as Images
from .images import ImageSource as ImageSource
from .images import SomeImages as SomeImages
from .opening import open_images as open_images
