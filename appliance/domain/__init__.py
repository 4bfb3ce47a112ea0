"""Pure rules of the field: ids, addresses, alphabets, lifecycles, failures. No I/O, no clock, no random."""
