"""The sections of a study's report: each makes its text, its table or its figures."""
