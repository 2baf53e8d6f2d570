"""Problems: what is to be convolved, and the suites and selections that say which problems."""
