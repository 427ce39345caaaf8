#!/usr/bin/env python3
"""Caffe's script of this name, as torchcaffe has it."""

import os
import sys

START = os.path.join(os.path.dirname(os.path.realpath(__file__)), os.pardir, "start.sh")
os.execv("/bin/sh", ["sh", START, "plot_training_log", *sys.argv[1:]])
