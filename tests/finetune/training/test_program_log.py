import math

from finetune.training.program_log import read_log

# Lines as the packaged Caffe 1.0 writes them.
CAFFE = """\
I1120 18:00:00.000000  1234 solver.cpp:347] Iteration 0, Testing net (#0)
I1120 18:00:00.100000  1234 solver.cpp:414]     Test net output #0: accuracy = 0.0625
I1120 18:00:00.100000  1234 solver.cpp:414]     Test net output #1: loss = 2.9 (* 1 = 2.9 loss)
I1120 18:00:00.200000  1234 solver.cpp:239] Iteration 0 (0 iter/s, 0.2s/2 iters), loss = 2.80131
I1120 18:00:00.200000  1234 solver.cpp:258]     Train net output #0: loss = 2.80131 (* 1 = 2.80131 loss)
I1120 18:00:00.200000  1234 sgd_solver.cpp:112] Iteration 0, lr = 0.01
I1120 18:00:00.300000  1234 solver.cpp:239] Iteration 2 (10.5 iter/s, 0.2s/2 iters), loss = 1.5e-05
I1120 18:00:00.300000  1234 solver.cpp:239] Iteration 4 (10.5 iter/s, 0.2s/2 iters), loss = nan
I1120 18:00:00.400000  1234 solver.cpp:327] Iteration 6, loss = 0.5
I1120 18:00:00.400000  1234 solver.cpp:347] Iteration 6, Testing net (#0)
I1120 18:00:00.500000  1234 solver.cpp:414]     Test net output #0: accuracy = 0.75
"""


def test_losses_and_tests_are_read():
    log = read_log(CAFFE.splitlines())
    assert [iteration for iteration, _ in log.losses] == [0, 2, 4, 6]
    assert log.losses[0][1] == 2.80131
    assert log.losses[1][1] == 1.5e-05
    assert math.isnan(log.losses[2][1])
    assert log.tests == [(0, {"accuracy": 0.0625, "loss": 2.9}), (6, {"accuracy": 0.75})]
