"""Words without input and output: names, digests, records, errors and what the API hands out."""
