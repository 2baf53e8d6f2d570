"""Measure: time calls in rounds and decide what differs; knows nothing of convolutions."""
