"""Arrays and tensors of the same numbers: one memory on the CPU, a copy kept in step elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchcaffe as caffe
from torchcaffe.blob import Activation
from torchcaffe.memory import SyncedMemory


def test_on_the_cpu_there_is_one_memory():
    tensor = torch.zeros(3)
    memory = SyncedMemory(tensor)
    memory.array()[1] = 5
    assert tensor.tolist() == [0, 5, 0]
    tensor[2] = 7
    assert memory.array().tolist() == [0, 5, 7]


def test_elsewhere_the_side_that_was_asked_for_last_counts():
    tensor = torch.zeros(3)
    memory = SyncedMemory(tensor, mirrored=True)
    array = memory.array()
    array[1] = 5
    assert tensor.tolist() == [0, 0, 0]
    assert memory.tensor().tolist() == [0, 5, 0]
    memory.tensor()[2] = 7
    assert array.tolist() == [0, 5, 0]
    assert memory.array().tolist() == [0, 5, 7]
    assert memory.array() is not memory.tensor()
    assert np.shares_memory(memory.array(), array)


def test_an_activation_grows_and_shrinks():
    blob = Activation((2, 2), torch.device("cpu"))
    blob.write(torch.ones(1, 3, 2))
    assert blob.data.tolist() == [[[1, 1]] * 3]
    blob.write_diff(torch.ones(1, 3, 2), add=False)
    blob.write_diff(torch.ones(1, 3, 2), add=True)
    assert (blob.diff == 2).all()
    blob.write(torch.zeros(()))
    assert blob.data.shape == ()


@pytest.mark.gpu
def test_a_net_on_the_gpu_gives_what_it_gives_on_the_cpu(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(
        'force_backward: true layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 4 } }'
        'layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }'
    )
    found = {}
    for mode in (caffe.set_mode_cpu, caffe.set_mode_gpu):
        mode()
        net = caffe.Net(path, caffe.TEST)
        net.params["ip"][0].data[...] = np.arange(12).reshape(4, 3) - 6
        top = net.forward(x=np.ones((2, 3)))["y"].copy()
        net.blobs["y"].diff[...] = 1
        found[mode] = top, net.backward()["x"].copy(), net.params["ip"][0].diff.copy()
    caffe.set_mode_cpu()
    for cpu, gpu in zip(*found.values(), strict=True):
        np.testing.assert_allclose(gpu, cpu, rtol=1e-5)
