"""How good an edit is: measures, exact cases, and the runner that puts methods to the test."""
