"""Many trainings compared: suites, runs, results, the table and the curves."""
