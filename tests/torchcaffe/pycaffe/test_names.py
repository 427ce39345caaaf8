"""Every public name of real pycaffe is here, with the same arguments, or stands in a table with its reason."""

from __future__ import annotations

import json
import re

import pytest

LIST = r'''
import inspect, json, sys, types
import caffe, caffe.coord_map
from caffe import _caffe

sys.modules.setdefault("pydot", types.ModuleType("pydot"))  # which caffe.draw cannot be imported without
import caffe.draw

NET = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 2 } }"""
SOLVER = "net: 'names.prototxt' base_lr: 0.1 lr_policy: 'fixed' max_iter: 1"

def of_caffe(value):
    """Not what a module imported from elsewhere."""
    if isinstance(value, types.ModuleType):
        return "caffe" in value.__name__
    home = getattr(value, "__module__", None)
    return home not in sys.modules or "caffe" in home  # for methods of C++ it is the name of the class

def arguments(value):
    try:
        return inspect.getfullargspec(value).args
    except TypeError:  # of C++
        return None

def names(where):
    """By name: whether it is Caffe's own, and its arguments."""
    found = {}
    for name in dir(where):
        if name == "__version__" or not name.startswith("__"):
            value = getattr(where, name, None)
            found[name] = of_caffe(value), arguments(value) if inspect.isroutine(value) else None
    return found

def objects():
    for name, text in (("names", NET), ("names_solver", SOLVER)):
        with open(name + ".prototxt", "w") as file:
            file.write(text)
    for module in "io net_spec coord_map draw classifier detector pycaffe proto.caffe_pb2 _caffe".split():
        yield "caffe." + module, sys.modules["caffe." + module]
    yield "caffe", caffe
    net = caffe.Net("names.prototxt", caffe.TEST)
    net.save("names.caffemodel")
    solver = caffe.SGDSolver("names_solver.prototxt")
    yield "net", net
    yield "layer", net.layers[1]
    yield "blob", net.blobs["data"]
    yield "parameter", net.params["ip"][0]
    yield "solver", solver
    yield "solver.param", solver.param
    yield "classifier", caffe.Classifier("names.prototxt", "names.caffemodel")
    yield "detector", caffe.Detector("names.prototxt", "names.caffemodel")
    yield "transformer", caffe.io.Transformer({"data": (1, 3, 4, 4)})
    yield "timer", caffe.Timer()
    yield "Layer", caffe.Layer
    yield "NCCL", caffe.NCCL
    top = caffe.layers.ReLU(caffe.layers.Input())
    yield "top", top
    yield "function", top.fn
    yield "spec", caffe.NetSpec()
    for vector in ("BlobVec", "IntVec", "StringVec", "LayerVec", "NetVec"):
        yield vector, getattr(_caffe, vector)

print(json.dumps({place: names(where) for place, where in objects()}))
'''

DELIBERATELY_ABSENT = {
    # Functions that become methods of Net when pycaffe is imported; here they are methods.
    "caffe.pycaffe": r"_Net_\w+|caffe",
    # Descriptors, which protobuf of today keeps in `DESCRIPTOR`.
    "caffe.proto.caffe_pb2": r"_[A-Z0-9_]+",
    # Steps of to_proto, which here are those of `Naming` and `Function.message`.
    "top": "_to_proto",
    "function": "_to_proto|_get_top_name|_get_name",
    "transformer": "_Transformer__check_input",
    # Caches of properties that were asked for.
    "net": "_blobs_dict|_input_list|_params_dict",
    "classifier": "_blobs_dict|_input_list",
    "detector": "_blobs_dict|_input_list",
    # What a module imports for itself.
    "caffe.classifier": "caffe",
    "caffe.detector": "caffe",
    "caffe.net_spec": "_param_names|caffe_pb2",
    "caffe.draw": "caffe_pb2",
    "caffe.coord_map": "L",
    # They run a layer of C++ on vectors of C++, which no script has.
    "layer": "setup|reshape",
    # An annotation here; there is no layer without an instance.
    "Layer": "blobs",
}


@pytest.mark.caffe
def test_every_name_is_here_and_takes_the_same_arguments(in_both):
    theirs, ours = (json.loads(printed.splitlines()[-1]) for printed in in_both(LIST))
    assert sum(map(len, theirs.values())) > 500
    for place, names in theirs.items():
        absent = re.compile(DELIBERATELY_ABSENT.get(place, "(?!)"))
        for name, (is_caffes, arguments) in names.items():
            if not is_caffes or absent.fullmatch(name):
                continue
            assert name in ours[place], f"{place}.{name}"
            found = ours[place][name][1]
            if arguments is not None and found is not None:
                assert found[: len(arguments)] == arguments, f"{place}.{name}"


@pytest.mark.caffe
def test_what_is_deliberately_absent_is_absent(in_both):
    """So that the table does not outlive its reasons."""
    theirs, ours = (json.loads(printed.splitlines()[-1]) for printed in in_both(LIST))
    for place, pattern in DELIBERATELY_ABSENT.items():
        for name in filter(re.compile(pattern).fullmatch, theirs[place]):
            assert name not in ours[place], f"{place}.{name}"
