"""Measure: time calls in rounds and decide what differs; independent of convolutions."""
