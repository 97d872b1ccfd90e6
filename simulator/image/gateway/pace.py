"""How long things take, in seconds: as in public logs, at the short end, so that a fleet is up within half a minute."""

JVM_START = 0.3
GATEWAY_START = 0.5
LOGIN_WINDOW = 0.4
TYPING = 0.07
CLICK = 0.07
LOGIN_WINDOW_HIDES = 0.7
CONNECTING = 0.2
AUTHENTICATING = 0.6
LOADING = 1.2
CONFIGURATION_OPENS = 0.3
SHUTDOWN = 1.5
#: Seen for a moment only, in a public log of 2026-09-07.
PROMPT_WITHOUT_PUSH = 0.3

#: Between two attempts to reach IBKR, before the login and after.
RECONNECT = 6.0
#: IBC waits this long before it logs in again after a second factor that nobody answered (LoginManager.java:150).
RELOGIN = 5.0
#: IBC adds this to the time that a throttled user has to wait (TooManyFailedLoginAttemptsDialogHandler.java:62).
THROTTLE_MARGIN = 3.0
