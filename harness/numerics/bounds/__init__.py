"""How far an output may be from the true one: in the worst case, and on random data with near certainty."""
