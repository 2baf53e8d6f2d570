"""Rules that hold for every problem, tried on problems that Hypothesis draws."""
