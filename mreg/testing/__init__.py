"""For tests of mreg and of plugins: the storage contract as a test suite, and a store that fails on purpose.

mreg.testing.storage_contract    the tests that every `Storage` passes (needs pytest)
mreg.testing.faults              a store that fails, or dies, at a chosen call
mreg.testing.names               stores with names as some file systems have them
mreg.testing.refusals            system calls that are refused, as some file systems do
"""
