#!/bin/bash
# What run.sh does at each stage.

# The value of NAME from the file that NAME_FILE points to; both set is an error.
secret_from_file() {
	local name="$1" file_name="${1}_FILE"
	if [ -n "${!name}" ] && [ -n "${!file_name}" ]; then
		echo >&2 "error: both ${name} and ${file_name} are set (but are exclusive)"
		exit 1
	fi
	if [ -d "${!file_name}" ]; then
		export "${name}="
	elif [ -n "${!file_name}" ]; then
		local value
		value="$(<"${!file_name}")"
		export "${name}=${value}"
	fi
}

forget_secret_from_file() {
	local file_name="${1}_FILE"
	if [ -n "${!file_name}" ]; then
		unset "$1"
	fi
}

run_scripts() {
	local directory="${HOME}/$1" script
	if [ -z "$1" ]; then
		return
	fi
	echo "> Running start up scripts on ${directory}"
	if ! compgen -G "${directory}/*.sh" >/dev/null; then
		echo "> No start scripts defined on ${directory}"
		return
	fi
	for script in "${directory}"/*.sh; do
		echo "> Running ${script}"
		bash "${script}"
	done
}

set_java_heap() {
	local options="${TWS_PATH}/ibgateway/${IB_GATEWAY_VERSION}/ibgateway.vmoptions"
	if [ -n "${JAVA_HEAP_SIZE}" ]; then
		sed -i "s/^-Xmx768m\$/-Xmx${JAVA_HEAP_SIZE}m/" "${options}"
		echo ".> Java heap size set to ${JAVA_HEAP_SIZE}m"
	else
		echo ".> Usign default Java heap size 768m."
	fi
}

wait_for_display() {
	local tries=0
	if [ -S /tmp/.X11-unix/X1 ]; then
		return
	fi
	echo ".> Waiting for Xvfb socket on :1..."
	while [ ! -S /tmp/.X11-unix/X1 ]; do
		tries=$((tries + 1))
		if [ "${tries}" -gt 100 ]; then
			echo "Error: Timed out waiting for Xvfb socket!"
			exit 1
		fi
		sleep 0.1
	done
	echo ".> Xvfb socket ready!"
}

set_ports() {
	case "${TRADING_MODE}" in
	live) API_PORT=4001 SOCAT_PORT=4003 ;;
	paper) API_PORT=4002 SOCAT_PORT=4004 ;;
	*)
		echo ".> Invalid TRADING_MODE: ${TRADING_MODE}"
		exit 1
		;;
	esac
	export API_PORT SOCAT_PORT
	echo ".> API_PORT set to: ${API_PORT}"
	echo ".> SOCAT_PORT set to: ${SOCAT_PORT}"
}

apply_settings() {
	if [ "${CUSTOM_CONFIG}" = "yes" ]; then
		echo ".> Using CUSTOM_CONFIG, (value:${CUSTOM_CONFIG})"
		return
	fi
	echo ".> Appling settings to IBC's config.ini"
	secret_from_file TWS_PASSWORD
	envsubst <"${IBC_INI_TMPL}" >"${IBC_INI}"
	forget_secret_from_file TWS_PASSWORD
	chmod 600 "${IBC_INI}"

	local directory="${TWS_SETTINGS_PATH:-$TWS_PATH}"
	if [ -n "${TWS_SETTINGS_PATH}" ]; then
		echo ".> Settings directory set to: ${TWS_SETTINGS_PATH}"
		if [ ! -d "${TWS_SETTINGS_PATH}" ]; then
			echo ".> Creating directory: ${TWS_SETTINGS_PATH}"
			mkdir "${TWS_SETTINGS_PATH}"
		fi
	else
		echo ".> Settings directory NOT set, defaulting to: ${TWS_PATH}"
	fi
	if [ -f "${directory}/${TWS_INI}" ]; then
		echo ".> File jts.ini already exists, not setting timezone"
	else
		echo ".> Setting timezone in ${directory}/${TWS_INI}"
		TIME_ZONE="${TIME_ZONE:-Etc/UTC}" envsubst <"${TWS_PATH}/${TWS_INI_TMPL}" >"${directory}/${TWS_INI}"
	fi
}

start_relay() {
	echo ".> Starting Port Forwarding."
	echo ".> Starting socat"
	if pgrep -f "TCP-LISTEN:${SOCAT_PORT}," >/dev/null; then
		echo ".> socat already active. Not starting a new one"
		return
	fi
	"${SCRIPT_PATH}/run_socat.sh" &
}
