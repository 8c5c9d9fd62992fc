#!/usr/bin/env python3
"""Makes tfevents.golden with TensorBoard's own writer and messages (pip install tensorboard).

With a file as argument: reads it with TensorBoard's reader and prints every scalar, one a line.
"""
import os
import sys

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

STEPS = [
    (1700000000.5, 0, [("loss", 0.6931471805599453), ("objective/kl", 0.0)]),
    (1700000001.25, 1, [("loss", -1.5)]),
    (1700000002.0, 300, [("objective/rlhf_reward", 1e30), ("loss", float("inf"))]),
    (1700000003.0, 5000000000, [("eval_accuracy", 0.75)]),
]


def write(path):
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=1700000000.0, file_version="brain.Event:2").SerializeToString())
        for wall, step, scalars in STEPS:
            event = Event(wall_time=wall, step=step)
            for tag, value in scalars:
                event.summary.value.add(tag=tag, simple_value=value)
            writer.write(event.SerializeToString())


def read(path):
    for event in LegacyEventFileLoader(path).Load():
        for value in event.summary.value:
            print(event.step, value.tag, repr(value.simple_value))


if len(sys.argv) > 1:
    read(sys.argv[1])
else:
    write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "tfevents.golden"))
