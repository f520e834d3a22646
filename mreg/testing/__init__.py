"""For tests of mreg and of plugins: the storage contract as test suites, and a store that fails on purpose.

mreg.testing.remote_contract     the tests that every `Remote` passes (needs pytest)
mreg.testing.storage_contract    those that every `Storage` passes beside (needs pytest)
mreg.testing.faults              a store that fails, or dies, at a chosen call
mreg.testing.names               stores with names as some file systems have them
mreg.testing.refusals            system calls that are refused, as some file systems do
"""
