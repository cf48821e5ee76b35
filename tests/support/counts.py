"""Runs Python tests and prints counts in the form that Check uses, which tests/run adds up."""

import unittest


def run(*cases):
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    wrong = len(result.failures) + len(result.errors)
    checks = result.testsRun - len(result.skipped)
    percent = 100 * (checks - wrong) // checks if checks else 0
    print(f"{percent}%: Checks: {checks}, Failures: {len(result.failures)}, Errors: {len(result.errors)}", flush=True)
    return 0 if checks and not wrong else 1
