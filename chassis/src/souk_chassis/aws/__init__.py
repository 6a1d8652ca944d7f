"""The chassis' own way to AWS: signed HTTP on the standard library, light enough for a function's cold start."""
