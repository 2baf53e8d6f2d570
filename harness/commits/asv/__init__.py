"""asv, which walks over commits and shows their history: what it is told, what it runs, what it leaves."""
