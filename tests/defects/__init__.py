"""The defect ledger, and mutants: the package with a defect in it, which a test has to notice."""
