"""The sections of a study's report, with their texts, tables and figures."""
