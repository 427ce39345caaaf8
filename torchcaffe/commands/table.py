"""The commands of ``torchcaffe``: their flags, and where their code is, which is imported when one is called.

Nothing here imports torch, so that help comes at once. Flags and arguments are those of Caffe's own programs.
"""

from __future__ import annotations

from dataclasses import dataclass

from torchcaffe.commands.flags import Flag

EFFECTS = ("stop", "snapshot", "none")


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes
    ----------
    name : what it is called by.
    code : ``module:function`` in `torchcaffe.commands`; the function takes a `Call`.
    what : what it does, in one line.
    flags : its own, beside those of glog.
    arguments : names of the arguments that are no flags; those in brackets can be left out.
    program : what Caffe calls the program, in ``$(torchcaffe path)/bin``; '' where that is ``caffe COMMAND``.
    raw : whether everything behind the name is handed on as it is, to ``function(words)``.
    """

    name: str
    code: str
    what: str
    flags: tuple[Flag, ...] = ()
    arguments: tuple[str, ...] = ()
    program: str = ""
    raw: bool = False

    @property
    def needed(self) -> int:
        """How many arguments must be given."""
        return sum(not name.startswith("[") for name in self.arguments)


_STATE = (
    Flag("level", "level of the net's state", 0),
    Flag("stage", "stages of the net's state, separated by commas"),
)
_GPU = Flag("gpu", "run on this CUDA device: a number, or 'all' where there is one only; by default solver_mode says")
_MODEL = Flag("model", "the net's prototxt")
_PHASE = Flag("phase", "TRAIN or TEST; by default TEST for test and TRAIN for time", "", ("TRAIN", "TEST", ""))
_ITERATIONS = Flag("iterations", "batches to score, or passes to time", 50)
_BACKEND = Flag("backend", "the kind of database", "lmdb", ("lmdb", "leveldb"))

BREW = (
    Command(
        "train",
        "train:train",
        "train or finetune a model",
        (
            Flag("solver", "the solver's prototxt"),
            Flag("weights", "caffemodels to start from, separated by commas"),
            Flag("snapshot", "the .solverstate to go on from; not together with -weights"),
            _GPU,
            *_STATE,
            Flag(
                "split",
                "layers that were split by learning rate: joined, each as one layer, the same training in less time; "
                "or apart, as the prototxt has them",
                "joined",
                ("joined", "apart"),
            ),
            Flag("sigint_effect", "on SIGINT (Ctrl-C): stop, snapshot or none", "stop", EFFECTS),
            Flag("sighup_effect", "on SIGHUP: snapshot, stop or none", "snapshot", EFFECTS),
        ),
    ),
    Command(
        "test",
        "test:test",
        "score a model",
        (_MODEL, Flag("weights", "caffemodels to score, separated by commas"), _ITERATIONS, _GPU, _PHASE, *_STATE),
    ),
    Command("time", "time:time", "benchmark model execution time", (_MODEL, _ITERATIONS, _GPU, _PHASE, *_STATE)),
    Command("device_query", "device_query:device_query", "show GPU diagnostic information", (_GPU,)),
)
"""The commands of Caffe's own program ``caffe``."""

DATABASES = (
    Command(
        "convert_imageset",
        "convert_imageset:convert_imageset",
        "store the pictures of a list, with their labels, in an LMDB or LevelDB",
        (
            Flag("gray", "treat pictures as grayscale ones", False),
            Flag("shuffle", "put the pictures into random order", False),
            _BACKEND,
            Flag("resize_width", "width that pictures are resized to", 0),
            Flag("resize_height", "height that pictures are resized to", 0),
            Flag("check_size", "refuse a picture that is not of the first one's size", False),
            Flag("encoded", "store pictures as files (JPEG …), not as pixels", False),
            Flag("encode_type", "the kind of these files: png, jpg …; by default that of each picture"),
        ),
        ("ROOTFOLDER/", "LISTFILE", "DB_NAME"),
        "convert_imageset",
    ),
    Command(
        "compute_image_mean",
        "compute_image_mean:compute_image_mean",
        "compute the mean picture of an LMDB or LevelDB",
        (_BACKEND,),
        ("INPUT_DB", "[OUTPUT_FILE]"),
        "compute_image_mean",
    ),
    Command(
        "extract_features",
        "extract_features:extract_features",
        "store blobs of a net, picture by picture, in LMDBs or LevelDBs",
        (),
        ("WEIGHTS", "NET", "BLOB[,BLOB…]", "DB[,DB…]", "BATCHES", "lmdb|leveldb", "[CPU|GPU]", "[DEVICE_ID]"),
        "extract_features",
    ),
    Command(
        "convert_mnist_data",
        "convert_mnist_data:convert_mnist_data",
        "store MNIST's files in an LMDB or LevelDB",
        (_BACKEND,),
        ("IMAGE_FILE", "LABEL_FILE", "DB_NAME"),
        "convert_mnist_data",
    ),
    Command(
        "convert_cifar_data",
        "convert_cifar_data:convert_cifar_data",
        "store CIFAR-10's binary files in two LMDBs or LevelDBs",
        (),
        ("INPUT_FOLDER", "OUTPUT_FOLDER", "lmdb|leveldb"),
        "convert_cifar_data",
    ),
)

UPGRADES = tuple(
    Command(name, f"upgrade:{name}", what, (), ("FILE_IN", "FILE_OUT"), name)
    for name, what in (
        ("upgrade_net_proto_text", "write a net's prototxt in the newest form"),
        ("upgrade_net_proto_binary", "write a caffemodel in the newest form"),
        ("upgrade_solver_proto_text", "write a solver's prototxt in the newest form"),
    )
)

_CLASSES = (
    Flag("mean_file", "the mean picture, .npy, of the net's channels and input size"),
    Flag("input_scale", "multiply pixels by this at the end", 0.0),
    Flag("raw_scale", "multiply pixels, 0 to 1, by this first", 255.0),
    Flag("channel_swap", "the order of the net's channels among R, G and B", "2,1,0"),
    Flag("gpu", "run on the GPU", False),
)

PYTHON = (
    Command(
        "classify",
        "classify:classify",
        "class scores of pictures, as an .npy file",
        (
            Flag("model_def", "the net's prototxt (of BVLC CaffeNet, by default)"),
            Flag("pretrained_model", "its weights"),
            Flag("center_only", "take the middle of a picture alone, not ten crops", False),
            Flag("images_dim", "height and width that pictures are resized to before the crop", "256,256"),
            *_CLASSES,
            Flag("ext", "of the pictures, where a folder is given", "jpg"),
        ),
        ("INPUT", "OUTPUT.npy"),
        "classify.py",
    ),
    Command(
        "classification",
        "classification:classification",
        "print the five likeliest classes of a picture",
        (),
        ("NET", "WEIGHTS", "MEAN.binaryproto", "LABELS.txt", "PICTURE"),
        "classification",
    ),
    Command(
        "detect",
        "detect:detect",
        "class scores of windows in pictures, as .csv or .h5",
        (
            Flag("model_def", "the net's prototxt (of BVLC R-CNN's CaffeNet, by default)"),
            Flag("pretrained_model", "its weights"),
            Flag("crop_mode", "where windows come from: a list, or selective search", "selective_search",
                 ("list", "selective_search")),
            *_CLASSES,
            Flag("context_pad", "pixels of the surrounding of a window in the net's input", 16),
        ),
        ("INPUT", "OUTPUT.csv|OUTPUT.h5"),
        "detect.py",
    ),
    Command(
        "draw_net",
        "draw_net:draw_net",
        "draw a net, as .png, .svg, .pdf (with Graphviz) or .dot",
        (
            Flag("rankdir", "from left to right (LR), top to bottom (TB), or the other way round (RL, BT)", "LR",
                 ("LR", "RL", "TB", "BT")),
            Flag("phase", "draw the layers of TRAIN, TEST or ALL phases", "ALL", ("TRAIN", "TEST", "ALL")),
            Flag("display_lrm", "say learning rate multipliers", False),
        ),
        ("NET", "OUTPUT"),
        "draw_net.py",
    ),
    Command(
        "parse_log",
        "parse_log:parse_log",
        "the losses and scores of a log of training, as LOG.train and LOG.test in a folder",
        (
            Flag("verbose", "say what was written", False),
            Flag("delimiter", "between the columns", ","),
        ),
        ("LOGFILE", "OUTPUT_FOLDER"),
        "parse_log.py",
    ),
    Command(
        "plot_training_log",
        "plot_training_log:plot_training_log",
        "plot what logs of training say",
        (),
        ("CHART_TYPE", "OUTPUT", "LOGFILE", "[MORE_LOGFILES]…"),
        "plot_training_log.py",
    ),
    Command(
        "resize_and_crop_images",
        "resize_and_crop_images:resize_and_crop_images",
        "resize pictures and cut the square in their middle out",
        (
            Flag("input", "a list of picture files"),
            Flag("input_folder", "where these are"),
            Flag("output_folder", "where the results go, under the same names"),
            Flag("output_side_length", "side of the square, in pixels", 256),
            Flag("image_lib", "taken for Caffe's sake; OpenCV does it", "opencv", ("opencv", "PIL")),
            Flag("num_clients", "how many pictures are worked on at a time", 1),
        ),
        (),
        "resize_and_crop_images.py",
    ),
)  # fmt: skip

GONE = tuple(
    Command(name, "gone:gone", f"what {name} of early Caffe has become", (), (), name, raw=True)
    for name in ("train_net", "finetune_net", "test_net", "net_speed_benchmark")
)

SERVING = (
    Command("run", "run:run", "run a Python script in which import caffe gives torchcaffe", (), (), raw=True),
    Command("path", "run:path", "print the folder for PYTHONPATH; Caffe's programs are in bin of it", (), (), raw=True),
)

COMMANDS = {command.name: command for command in (*BREW, *DATABASES, *UPGRADES, *PYTHON, *GONE, *SERVING)}
