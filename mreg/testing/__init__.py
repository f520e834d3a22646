"""For those who test mreg, or something that plugs into it.

mreg.testing.storage_contract    the tests that every `Storage` passes (needs pytest)
mreg.testing.faults              a store that fails, or dies, at a chosen call
"""
