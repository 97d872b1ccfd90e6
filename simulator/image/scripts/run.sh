#!/bin/bash
# PID 1 of the container. Stages, their order and their lines are those of the image that this one stands in for.
set -e

source "${SCRIPT_PATH}/common.sh"

# The display goes before the Java machine, and `set -e` holds in here: both as in the real image.
stop_ibc() {
	echo ".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway."
	echo ".> Stopping Xvfb."
	pkill Xvfb
	echo ".> Stopping socat."
	pkill run_socat.sh
	pkill socat
	echo ".> Stopping IBC."
	kill -SIGTERM "${pids[@]}"
	wait "${pids[@]}"
	echo ".> Done... $?"
	exit 0
}

start_display() {
	echo ".> Starting Xvfb server"
	rm -f /tmp/.X1-lock
	export DISPLAY=:1
	/usr/bin/Xvfb :1 -ac -screen 0 1024x768x16 &
}

start_ibc() {
	echo ".> Starting IBC in ${TRADING_MODE} mode, with params:"
	echo ".>		Version: ${TWS_MAJOR_VRSN}"
	echo ".>		program: ${GATEWAY_OR_TWS:-tws}"
	echo ".>		tws-path: ${TWS_PATH}"
	echo ".>		ibc-path: ${IBC_PATH}"
	echo ".>		ibc-init: ${IBC_INI}"
	echo ".>		tws-settings-path: ${TWS_SETTINGS_PATH:-$TWS_PATH}"
	echo ".>		on2fatimeout: ${TWOFA_TIMEOUT_ACTION}"
	"${IBC_PATH}/scripts/ibcstart.sh" "${TWS_MAJOR_VRSN}" -g \
		"--tws-path=${TWS_PATH}" \
		"--ibc-path=${IBC_PATH}" "--ibc-ini=${IBC_INI}" \
		"--on2fatimeout=${TWOFA_TIMEOUT_ACTION}" \
		"--tws-settings-path=${TWS_SETTINGS_PATH}" &
	pids+=("$!")
	echo "$!" >"/tmp/pid_${TRADING_MODE}"
}

start_instance() {
	set_ports
	apply_settings
	start_relay
	start_ibc
}

# Later settings win over the first instance's, so the paper half sees what the live half left behind.
start_paper_beside_live() {
	TRADING_MODE=paper
	TWS_USERID="${TWS_USERID_PAPER}"
	export TWS_USERID TRADING_MODE
	if [ -n "${TWS_PASSWORD_PAPER_FILE}" ]; then
		export TWS_PASSWORD_FILE="${TWS_PASSWORD_PAPER_FILE}"
	else
		export TWS_PASSWORD="${TWS_PASSWORD_PAPER}"
	fi
	export IBC_INI="${ini}_paper" TWS_SETTINGS_PATH="${settings}_paper"
	start_instance
}

echo "*************************************************************************"
echo ".> Starting IBC/IB gateway"
echo "*************************************************************************"

pids=()
run_scripts "${START_SCRIPTS}"
start_display
echo ".> SSH tunnel disabled"
set_java_heap
wait_for_display
echo ".> VNC server disabled"
run_scripts "${X_SCRIPTS}"

if [ "${TRADING_MODE}" = "both" ] || [ "${DUAL_MODE}" = "yes" ]; then
	ini="${IBC_INI}"
	settings="${TWS_SETTINGS_PATH:-$TWS_PATH}"
	TRADING_MODE=live
	export IBC_INI="${ini}_live" TWS_SETTINGS_PATH="${settings}_live" TRADING_MODE
	start_instance
	sleep 15
	start_paper_beside_live
else
	start_instance
fi
run_scripts "${IBC_SCRIPTS}"

# Only from here on is a stop heard; before, bash as PID 1 ignores it.
trap stop_ibc SIGINT SIGTERM
wait "${pids[@]}"
