"""The provider against recorded traffic: what it sends, and what it makes of real answers.

The cassettes were recorded on Appwrite 1.8.1, all but one: that of
`test_an_attribute_is_renamed_with_its_values_and_its_indexes` comes from the embedded server, which answers as a 1.8.1
was seen to. When a test fails after a change of the provider, the provider or the test is to change, not a recording.
"""
