"""What stands in for IBKR behind simulated gateways: users, second factors, sessions, and a ledger. Outlives containers."""
