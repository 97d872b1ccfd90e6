#!/bin/bash
# Runs the Java machine and decides after each end of it whether another one follows.

# What this release prints and does (gateway/releases.py); an empty text is not printed.
source "$(dirname "$0")/release"

say() {
	[ -z "$1" ] || echo "$1"
}

error_exit() {
	local code="$1" line
	{
		printf '\n%s\n\n\n\n' "=========================== An error has occurred ============================="
		printf 'Error: %s\n' "$2"
		for line in "${@:3}"; do
			printf '       %s\n' "${line}"
		done
	} >&2
	exit "${code}"
}

# The Gateway leaves this file at its own daily restart; the directory's name stands for the user.
find_auto_restart() {
	local found=() file
	say "${searching_text}"
	sleep 0.1 # a real settings directory holds the whole program: a search through it takes a moment
	mapfile -t found < <(find "${settings_path}" -mindepth 2 -maxdepth 2 -type f -name autorestart)
	if [ "${#found[@]}" -gt 1 ]; then
		for file in "${found[@]:1}"; do
			echo "WARNING: deleting extra autorestart file found at ${file}"
			rm -f "${file}"
		done
		echo "WARNING: deleting first autorestart file found"
		rm -f "${found[0]}"
		echo "WARNING: More than one autorestart file was found. IBC can't determine which is"
		echo "         the right one, so they have all been deleted. Full authentication is required."
		found=()
	fi
	if [ "${#found[@]}" -eq 0 ]; then
		# An option set by an earlier restart stays set (ibcstart.sh:365-413).
		restart_needed=
		if [ -n "${not_found_text}" ]; then
			printf '%s\n\n' "${not_found_text}"
		fi
		return
	fi
	restart_needed=yes
	restart_option="-Drestart=$(basename "$(dirname "${found[0]}")")"
	if [ -n "${found_text}" ]; then
		printf "${found_text}\n" "${found[0]}"
		echo "AUTORESTART_OPTION is ${restart_option}"
	fi
}

say "${greeting}"
tws_version="$1"
on_second_factor_timeout=exit
mode=
for argument in "${@:2}"; do
	case "${argument}" in
	-g) ;;
	--tws-path=*) tws_path="${argument#*=}" ;;
	--tws-settings-path=*) settings_argument="${argument#*=}" ;;
	--ibc-path=*) ibc_path="${argument#*=}" ;;
	--ibc-ini=*) ibc_ini="${argument#*=}" ;;
	--mode=*) mode="${argument#*=}" ;;
	--on2fatimeout=*) on_second_factor_timeout="${argument#*=}" ;;
	*) error_exit 3 "Invalid parameter '${argument}'" ;;
	esac
done
on_second_factor_timeout="${on_second_factor_timeout:-exit}"
case "${on_second_factor_timeout,,}" in
restart | exit) ;;
*) error_exit 3 "2FA timeout action set to ${on_second_factor_timeout} but must be either 'restart' or 'exit' (case-insensitive)" ;;
esac
settings_path="${settings_argument:-$tws_path}"
program_path="${tws_path}/ibgateway/${tws_version}"

cat <<HEADER

================================================================================

Starting IBC version ${IBC_VRSN} on $(date +%Y-%m-%d) at $(date +%H:%M:%S)

Operating system: $(uname -a)

Arguments:

TWS version = ${tws_version}
Program = Gateway
Entry point = ibcalpha.ibc.IbcGateway
--tws-path = ${tws_path}
--tws-settings-path = ${settings_argument}
--ibc-path = ${ibc_path}
--ibc-ini = ${ibc_ini}
--mode = ${mode}
--java-path = 
--user =
--pw =
--fix-user =
--fix-pw =

HEADER

[ -n "${tws_version}" ] || error_exit 2 "TWS major version number has not been supplied"
[ -z "${checks_settings_path}" ] || [ -d "${settings_path}" ] || error_exit 5 "TWS settings path: ${settings_path} does not exist"
[ -d "${program_path}/jars" ] || error_exit 4 \
	"Offline TWS/Gateway version ${tws_version} is not installed: can't find jars folder" \
	"Make sure you install the offline version of TWS/Gateway" \
	"IBC does not work with the auto-updating TWS/Gateway"
[ -d "${ibc_path}" ] || error_exit 5 "IBC path: ${ibc_path} does not exist"
[ -f "${ibc_ini}" ] || error_exit 6 "IBC configuration file: ${ibc_ini} does not exist"
[ -f "${program_path}/ibgateway.vmoptions" ] || error_exit 7 \
	"Neither tws.vmoptions nor ibgateway.vmoptions could be found"

echo "================================="
echo "Generating the classpath"
class_path="$(printf '%s:' "${program_path}"/jars/*.jar)${program_path}/.install4j/i4jruntime.jar:${ibc_path}/IBC.jar"
echo "Classpath=${class_path}"
echo

echo "Generating the JAVA VM options"
session_id="$(tr -dc 'a-zA-Z0-9' </dev/urandom | head -c 8)"
mapfile -t vm_options < <(grep '^-' "${program_path}/ibgateway.vmoptions")
vm_options+=("-DjtsConfigDir=${settings_path}" ${names_session:+"-Dibcsessionid=${session_id}"})
echo "Java VM Options=${vm_options[*]}"

restart_option=
find_auto_restart
echo

echo "Determining the location of java executable"
java_path="${program_path}/jre/bin"
[ -x "${java_path}/java" ] || error_exit 1 "Can't find suitable Java installation"
java_version="$(sed -n 's/^JAVA_RUNTIME_VERSION="\(.*\)"/\1/p' "${program_path}/jre/release")"
say "${names_java:+    java.runtime.version = ${java_version}}"
echo "Location of java executable=${java_path}"
echo
echo "Renaming IB's TWS or Gateway start script to prevent restart without IBC"
echo

module_options=(
	--add-opens=java.base/java.util=ALL-UNNAMED
	--add-opens=java.base/java.util.concurrent=ALL-UNNAMED
	--add-exports=java.base/sun.util=ALL-UNNAMED
	--add-opens=java.desktop/java.awt=ALL-UNNAMED
	--add-opens=java.desktop/javax.swing=ALL-UNNAMED
)
[ -n "${opens_modules}" ] || module_options=()
if [ -n "${shows_java_errors}" ]; then exec 3>&2; else exec 3>/dev/null; fi
while true; do
	echo "Starting Gateway with this command:"
	echo "\"${java_path}/java\" ${module_options[*]}${opens_modules:+ }-cp \"${class_path}\" ${vm_options[*]}${restart_option:+ }${restart_option} ibcalpha.ibc.IbcGateway \"${ibc_ini}\" ${mode} "
	echo

	# A stop from outside is passed on to the Java machine (ibcstart.sh:522-538).
	trap 'kill -TERM "${pid}"' TERM INT
	"${java_path}/java" "${module_options[@]}" -cp "${class_path}" "${vm_options[@]}" ${restart_option} \
		ibcalpha.ibc.IbcGateway "${ibc_ini}" ${mode} 2>&3 3>&- &
	pid=$!
	wait "${pid}"
	exit_code=$?
	trap - TERM INT
	if kill -0 "${pid}" 2>/dev/null; then # the signal ended the wait, not Java
		wait "${pid}"
		exit_code=$?
	fi
	echo "IBC returned exit status ${exit_code}"

	if [ "${exit_code}" -eq 88 ]; then
		:
	elif [ -n "${finds_cold_restart}" ] && [ -e "${settings_path}/COLDRESTART${session_id}" ]; then
		rm -f "${settings_path}/COLDRESTART${session_id}"
		restart_option=
		echo "IBC will cold-restart shortly"
	else
		find_auto_restart
		if [ -n "${restart_needed}" ] && [ -e "${settings_path}/PAUSE${session_id}" ]; then
			rm -f "${settings_path}/PAUSE${session_id}"
			echo "IBC is paused"
			break
		fi
		if [ -z "${restart_needed}" ] && ! { [ "${exit_code}" -eq 87 ] && [ "${on_second_factor_timeout,,}" = restart ]; }; then
			break
		fi
	fi
	# Printed, not done: the loop is tight (ibcstart.sh:570).
	echo "IBC will restart shortly"
	echo "sleep 2"
done

echo "Gateway finished"
echo
exit "${exit_code}"
