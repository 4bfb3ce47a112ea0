"""Accept, send, receive, receipts, consent, identity: one module, one story."""
