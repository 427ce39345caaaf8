"""The user's settings: plain Python assignments, read once at the start; every name, type and range is checked.

Uncomment and change what should differ; what is left out keeps the value that stands here. Paths are relative to this
file, ``~`` is the home folder. `deepvis settings` prints what is in force, docs/settings.md explains every name.
"""

# --- what is looked into -----------------------------------------------------------------------------------------
# model = "models/indoor39"         # folder of a conversion, conversion.json, .prototxt, or a bundled model's folder
# weights = None                    # .caffemodel; None: the one that belongs to the model
# arch = None                       # of PyTorch weights: torchvision's name, or "package.module:factory"
# input_shape = ()                  # what a factory's network takes, batch first: (1, 3, 224, 224)
# preprocessing = None              # JSON of a preprocessing; None: the model's own
# classes = None                    # text file, one class name per line; None: the model's own
# mean = None                       # .binaryproto, .npy, or a number per channel; None: the model's own
# std = None                        # one number, or one per channel; None: the model's own
# raw_scale = None                  # factor on the pixels 0-255, before the mean; None: the model's own
# channel_order = None              # "RGB", "BGR", "GRAY"; None: the model's own
# pair = None                       # siamese nets: "channels", "width", "inputs"; None: the model's own
# resize_to = None                  # (height, width) or (shorter side,); None: the model's own
# images = None                     # folder, list, LMDB or video; None: the scanned pictures, or photographs
# scan = None                       # scan.h5; None: the one beside the model
# plan = None                       # plan.json with learning-rate multipliers; None: the one beside the scan
# after = None                      # caffemodel after fine-tuning, to compare the net with
# unit_pictures = None              # folder of an older toolbox or of `deepvis export --form folders`
# presets = {}                      # {"lenet": "models/lenet", "mine": {"model": "a.prototxt", "images": "photos"}}
# cache = "~/.cache/deepvis/models" # where models are kept that had to be converted

# --- computing ---------------------------------------------------------------------------------------------------
# engine = "torchcaffe"             # what runs the net in the window: "torchcaffe", or "caffe" for the real one
# caffe_python = "/usr/bin/python3" # the Python that has pycaffe; the one of make caffe if not given
# device = "auto"                   # "auto", "cpu", "mps", "cuda", "cuda:1"
# batch = 32                        # images per forward pass of a scan
# workers = None                    # decoding threads; None: one per core, 0: none
# top = 9                           # images that a scan keeps for every unit, 1 to 100

# --- the window at its start -------------------------------------------------------------------------------------
# hidden_layers = ()                # layers that the window leaves out: names, or a function of the name
# layer_names = None                # shorter names: a table, or a function of the name
# label_layers = None               # layers whose units are the classes; None: found by their number
# class_layer = None                # layer of the class probabilities; None: the last
# layer = None                      # None: the first layer
# unit = 0
# backprop = "off"                  # "off", "gradient", "deconv", "guided"
# colormap = "viridis"              # any name of the cmap package
# gamma = 1.0                       # exponent that lifts small values, above 0 to 1
# boost = 0.0                       # how far weak units are lifted, 0 to 1
# fit = "as trained"                # or "crop", "stretch": how a picture is brought into the net's input
# show_classes = True               # the class probabilities
# show_patches = True               # patches and histogram
# scale = "layer"                   # brightness relative to the "layer", the "frame", or the "unit"
# camera = 0                        # number of the camera
# mirror_camera = True
# window_size = (1500, 930)         # pixels, at least 640 by 480
# font_size = 10                    # points, 6 to 40
# keymap = "deepvis"                # "yosinski": its keys where they differ from arikpoz's
# fast_step = 3                     # units that I J K L move by
