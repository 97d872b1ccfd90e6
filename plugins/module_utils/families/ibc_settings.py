# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The keys of IBC's config.ini: how IBC takes each, and the values of an unattended gateway.

Sources are cited as ``B:`` (IbcAlpha/IBC @2fee90c, 3.24.1); the values are of its config.ini and of gnzsnz config.ini.tmpl @b2c0259.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import PLAIN, SECRET, USER, Variable, Wrong
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import (
    CLOCK_12H,
    CLOCK_24H,
    CLOSING,
    SECONDS,
    SWITCH,
    YES_OR_NO,
    choice,
    number,
)

# B:DefaultSettings.java, getBoolean and getInt
_SWITCH = Variable(SWITCH, wrong=Wrong("ignored", "IBC goes by its own default"))
_SECONDS = replace(_SWITCH, form=SECONDS)
_PORT = replace(_SWITCH, form=number(0, 65_535))
# B:ConfigureApiPrecautionsTask.java
_PRECAUTION = Variable(YES_OR_NO, wrong=Wrong("refused", "IBC ends with exit code 81 once it is logged in"))
# B:ConfigureAutoLogoffOrRestartTimeTask.java
_DAILY = Variable(CLOCK_12H, wrong=Wrong("ignored", "the gateway keeps the time that it had, or has none"))
# B:IbcTws.java:347-380
_REFUSED = Wrong("refused", "IBC ends with exit code 81, or reads only its beginning")

_KEYS: Mapping[str, Variable] = {
    "FIX": _SWITCH,
    "IbLoginId": USER,
    "IbPassword": SECRET,
    "FIXLoginId": USER,
    "FIXPassword": SECRET,
    "TradingMode": Variable(choice("paper", "live"), wrong=Wrong("refused", "IBC ends with exit code 80")),
    "SecondFactorDevice": PLAIN,
    "ReloginAfterSecondFactorAuthenticationTimeout": _SWITCH,
    "SecondFactorAuthenticationExitInterval": _SECONDS,
    "SecondFactorAuthenticationTimeout": _SECONDS,
    "ExitAfterSecondFactorAuthenticationTimeout": _SWITCH,
    "AcceptNonBrokerageAccountWarning": _SWITCH,
    "LoginDialogDisplayTimeout": _SECONDS,
    "IbDir": PLAIN,
    "StoreSettingsOnServer": _SWITCH,
    "MinimizeMainWindow": _SWITCH,
    # B:ExistingSessionDetectedDialogHandler.java
    "ExistingSessionDetectedAction": Variable(
        choice("primary", "primaryoverride", "secondary", "manual"),
        wrong=Wrong("misread", "IBC takes it for secondary: this gateway gives way to every other session"),
    ),
    "OverrideTwsApiPort": _PORT,
    "OverrideTwsMasterClientID": Variable(number(0, 2_147_483_647)),
    "ReadOnlyLogin": _SWITCH,
    # B:IbcTws.java:598-607
    "ReadOnlyApi": Variable(SWITCH, wrong=Wrong("misread", "IBC takes it for yes: the API refuses every order")),
    "BypassOrderPrecautions": _PRECAUTION,
    "BypassBondWarning": _PRECAUTION,
    "BypassNegativeYieldToWorstConfirmation": _PRECAUTION,
    "BypassCalledBondWarning": _PRECAUTION,
    "BypassSameActionPairTradeWarning": _PRECAUTION,
    "BypassPriceBasedVolatilityRiskWarning": _PRECAUTION,
    "BypassUSStocksMarketDataInSharesWarning": _PRECAUTION,
    "BypassRedirectOrderWarning": _PRECAUTION,
    "BypassNoOverfillProtectionPrecaution": _PRECAUTION,
    "AcceptBidAskLastSizeDisplayUpdateNotification": Variable(choice("accept", "defer", "ignore")),
    "SendMarketDataInLotsForUSstocks": Variable(SWITCH, wrong=Wrong("misread", "IBC takes it for yes")),
    "TrustedTwsApiClientIPs": PLAIN,
    "ResetOrderIdsAtStart": _SWITCH,
    "ConfirmOrderIdReset": PLAIN,
    "AutoLogoffTime": _DAILY,
    "AutoRestartTime": _DAILY,
    "ColdRestartTime": Variable(CLOCK_24H, wrong=_REFUSED),
    "ClosedownAt": Variable(CLOSING, wrong=_REFUSED),
    # B:AcceptIncomingConnectionDialogHandler.java
    "AcceptIncomingConnectionAction": Variable(
        choice("accept", "reject", "manual"),
        wrong=Wrong("ignored", "a client that is not trusted waits for somebody to click"),
    ),
    "AllowBlindTrading": _SWITCH,
    "SaveTwsSettingsAt": PLAIN,
    "ConfirmCryptoCurrencyOrders": Variable(choice("transmit", "cancel", "manual")),
    "DismissPasswordExpiryWarning": _SWITCH,
    "DismissNSEComplianceNotice": _SWITCH,
    "CommandServerPort": _PORT,
    "ControlFrom": PLAIN,
    "BindAddress": PLAIN,
    "CommandPrompt": PLAIN,
    "SuppressInfoMessages": _SWITCH,
    "LogStructureScope": PLAIN,
    "LogStructureWhen": PLAIN,
    "IncludeStackTraceForExceptions": _SWITCH,
}

#: Every key that IBC reads, as a variable that sets it.
KEYS: Mapping[str, Variable] = {key: replace(variable, key=key) for key, variable in _KEYS.items()}

#: What each key is where nobody says another.
SETTINGS = {
    "FIX": "no",
    "IbLoginId": "",
    "IbPassword": "",
    "FIXLoginId": "",
    "FIXPassword": "",
    "TradingMode": "",
    "SecondFactorDevice": "",
    "ReloginAfterSecondFactorAuthenticationTimeout": "",
    "SecondFactorAuthenticationExitInterval": "60",
    "SecondFactorAuthenticationTimeout": "180",
    "ExitAfterSecondFactorAuthenticationTimeout": "no",
    # IBC's own file says no, with which a paper login never opens the API (config.ini:208).
    "AcceptNonBrokerageAccountWarning": "yes",
    "LoginDialogDisplayTimeout": "60",
    "IbDir": "",
    "StoreSettingsOnServer": "",
    "MinimizeMainWindow": "no",
    "ExistingSessionDetectedAction": "",
    "OverrideTwsApiPort": "",
    "OverrideTwsMasterClientID": "",
    "ReadOnlyLogin": "no",
    "ReadOnlyApi": "",
    "BypassOrderPrecautions": "",
    "BypassBondWarning": "",
    "BypassNegativeYieldToWorstConfirmation": "",
    "BypassCalledBondWarning": "",
    "BypassSameActionPairTradeWarning": "",
    "BypassPriceBasedVolatilityRiskWarning": "",
    "BypassUSStocksMarketDataInSharesWarning": "",
    "BypassRedirectOrderWarning": "",
    "BypassNoOverfillProtectionPrecaution": "",
    "AcceptBidAskLastSizeDisplayUpdateNotification": "accept",
    "SendMarketDataInLotsForUSstocks": "",
    "TrustedTwsApiClientIPs": "",
    "ResetOrderIdsAtStart": "",
    "ConfirmOrderIdReset": "",
    "AutoLogoffTime": "",
    "AutoRestartTime": "",
    "ColdRestartTime": "",
    "ClosedownAt": "",
    "AcceptIncomingConnectionAction": "",
    "AllowBlindTrading": "no",
    "SaveTwsSettingsAt": "",
    "ConfirmCryptoCurrencyOrders": "transmit",
    "DismissPasswordExpiryWarning": "no",
    "DismissNSEComplianceNotice": "yes",
    "CommandServerPort": "0",
    "ControlFrom": "",
    "BindAddress": "",
    "CommandPrompt": "",
    "SuppressInfoMessages": "yes",
    "LogStructureScope": "known",
    "LogStructureWhen": "never",
    "IncludeStackTraceForExceptions": "no",
}
