"""The program inside a simulated container: a stand-in for IB Gateway (`program`) driven by one for IBC (`controller`).

For demo and tests only. Nothing here is IBKR's or IBC's; what it prints and does was written from the outside.
"""
