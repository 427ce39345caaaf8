"""One of several processes that train together, as BVLC's python/train.py has it: RANK COUNT UID RESULT."""

import sys

import caffe
import numpy as np

rank, count, uid, result = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
caffe.set_mode_cpu()
caffe.set_random_seed(rank)  # so that only `bcast` can make them alike
caffe.set_solver_count(count)
caffe.set_solver_rank(rank)
caffe.set_multiprocess(True)
solver = caffe.SGDSolver("solver.prototxt")
if rank == 0:
    solver.net.copy_from("first.caffemodel")
if count > 1:
    nccl = caffe.NCCL(solver, uid)
    nccl.bcast()
    solver.add_callback(nccl)
    if solver.param.layer_wise_reduce:
        solver.net.after_backward(nccl)
rows = np.load("rows.npz")
data, label = (rows[name][rank::count] for name in ("data", "label"))
size = len(solver.net.blobs["label"].data)
for step in range(5):
    place = slice(step * size, (step + 1) * size)
    solver.net.blobs["data"].data[...] = data[place]
    solver.net.blobs["label"].data[...] = label[place]
    solver.step(1)
np.savez(result, *(blob.data for blobs in solver.net.params.values() for blob in blobs))
