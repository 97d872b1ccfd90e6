# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The keys of IBC's config.ini, with the values of an unattended gateway (IBC 3.24.1 config.ini; gnzsnz config.ini.tmpl @b2c0259).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

#: Keys that hold a user name or a secret.
SECRETS = {"IbLoginId": "user", "IbPassword": "secret", "FIXLoginId": "user", "FIXPassword": "secret"}

#: Every key that IBC reads, and its value where nobody says another.
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
