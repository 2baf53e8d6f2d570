"""The tester tested: wrong implementations that the oracle must refuse, unusual ones that it must not."""
